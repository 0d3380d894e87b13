// Command arp asks a network segment, every 10 ms, who has an address, and says who answers.
//
//	arp <interface> <IPv4 address>
//
// It waits for the interface to be up, and prints one line for each ARP packet that names the address as its sender's:
// Unix time in milliseconds and the sender's hardware address. Its questions name no sender (RFC 5227), so nobody learns
// anything from them.
package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	every       = 10 * time.Millisecond
	frameLength = 42
)

func main() {
	if err := watch(os.Args[1], net.ParseIP(os.Args[2]).To4()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func watch(name string, address net.IP) error {
	link := whenUp(name)
	protocol := int(htons(syscall.ETH_P_ARP))
	socket, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, protocol)
	if err != nil {
		return err
	}
	here := &syscall.SockaddrLinklayer{Protocol: htons(syscall.ETH_P_ARP), Ifindex: link.Index}
	if err := syscall.Bind(socket, here); err != nil {
		return err
	}
	go listen(socket, address)
	question := questionFor(link.HardwareAddr, address)
	for range time.Tick(every) {
		if err := syscall.Sendto(socket, question, 0, here); err != nil {
			return err
		}
	}
	return nil
}

func whenUp(name string) *net.Interface {
	for {
		if link, err := net.InterfaceByName(name); err == nil && link.Flags&net.FlagRunning != 0 {
			return link
		}
		time.Sleep(every)
	}
}

func listen(socket int, address net.IP) {
	frame := make([]byte, 2048)
	for {
		length, _, err := syscall.Recvfrom(socket, frame, 0)
		if err != nil || length < frameLength || !address.Equal(net.IP(frame[28:32])) {
			continue
		}
		fmt.Printf("%d %s\n", time.Now().UnixMilli(), net.HardwareAddr(frame[22:28]))
	}
}

// questionFor is an ARP request over Ethernet: who has the address?
func questionFor(from net.HardwareAddr, address net.IP) []byte {
	frame := make([]byte, 0, frameLength)
	frame = append(frame, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	frame = append(frame, from...)
	for _, field := range []uint16{syscall.ETH_P_ARP, 1, syscall.ETH_P_IP, 6<<8 | 4, 1} {
		frame = binary.BigEndian.AppendUint16(frame, field)
	}
	frame = append(frame, from...)
	frame = append(frame, net.IPv4zero.To4()...)
	frame = append(frame, make([]byte, 6)...)
	return append(frame, address...)
}

func htons(value uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, value))
}
