// Command local-volume makes and removes the folder of a volume: local-path-provisioner runs it in a pod on the
// volume's node, with `-a create|delete -p <folder>`.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	action := flag.String("a", "", "create or delete")
	folder := flag.String("p", "", "the volume's folder")
	flag.String("s", "", "size in bytes, which nothing enforces")
	flag.String("m", "", "volume mode, always Filesystem")
	flag.Parse()
	if err := act(*action, *folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func act(action, folder string) error {
	switch action {
	case "create":
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return err
		}
		return os.Chmod(folder, 0o777)
	case "delete":
		return os.RemoveAll(folder)
	}
	return fmt.Errorf("unknown action %q", action)
}
