// Command peer is what `make bench NAME=controller-core` measures our controller core against: the same controller,
// written with controller-runtime. It reconciles the ConfigMaps of one namespace, tells in lines of JSON on standard
// output when it started and when every object was reconciled once, and at SIGTERM the latency of each object's update.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const workers = 4

func main() {
	// The flag --kubeconfig is controller-runtime's own.
	namespace := flag.String("namespace", "", "the namespace of the ConfigMaps")
	objects := flag.Int("objects", 0, "how many ConfigMaps there are")
	metricsPort := flag.Int("metrics-port", 0, "where /metrics is served")
	leaderElect := flag.Bool("leader-elect", false, "whether to work only while holding a Lease")
	flag.Parse()
	ctrl.SetLogger(klog.Background())
	err := run(*objects, ctrl.Options{
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{*namespace: {}},
			DefaultTransform:  cache.TransformStripManagedFields(),
		},
		Metrics:                 server.Options{BindAddress: fmt.Sprintf("127.0.0.1:%d", *metricsPort)},
		LeaderElection:          *leaderElect,
		LeaderElectionID:        "peer",
		LeaderElectionNamespace: *namespace,
	})
	if err != nil {
		log.Fatal(err)
	}
}

func run(objects int, options ctrl.Options) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, options)
	if err != nil {
		return err
	}
	bench := &reconciler{
		reader:    manager.GetClient(),
		objects:   objects,
		handled:   map[client.ObjectKey]string{},
		latencies: map[string]float64{},
	}
	err = ctrl.NewControllerManagedBy(manager).
		Named("bench").
		For(&corev1.ConfigMap{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(bench)
	if err != nil {
		return err
	}
	tell("started", map[string]any{"at": milliseconds(time.Now())})
	err = manager.Start(ctrl.SetupSignalHandler())
	tell("latencies", map[string]any{"ms": bench.latencies})
	return err
}

type reconciler struct {
	reader  client.Reader
	objects int

	mutex sync.Mutex
	// The sentAt of every object that was reconciled, "" where it has none.
	handled map[client.ObjectKey]string
	// In milliseconds, by name, of the last sentAt that came after an object's first.
	latencies map[string]float64
}

// Reconcile records how old an update is that it sees for the first time.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var configMap corev1.ConfigMap
	if err := r.reader.Get(ctx, request.NamespacedName, &configMap); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	now, sentAt := time.Now(), configMap.Data["sentAt"]
	r.mutex.Lock()
	defer r.mutex.Unlock()
	last, known := r.handled[request.NamespacedName]
	r.handled[request.NamespacedName] = sentAt
	if !known && len(r.handled) == r.objects {
		tell("synced", map[string]any{"at": milliseconds(now), "objects": r.objects})
	}
	if known && sentAt != last {
		sent, err := strconv.ParseInt(sentAt, 10, 64)
		if err != nil {
			return ctrl.Result{}, err
		}
		r.latencies[request.Name] = milliseconds(now) - float64(sent)/1e6
	}
	return ctrl.Result{}, nil
}

func milliseconds(t time.Time) float64 {
	return float64(t.UnixNano()) / 1e6
}

func tell(event string, fields map[string]any) {
	fields["event"] = event
	if err := json.NewEncoder(os.Stdout).Encode(fields); err != nil {
		log.Fatal(err)
	}
}
