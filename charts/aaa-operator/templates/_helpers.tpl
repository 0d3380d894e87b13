{{- define "labels" -}}
app.kubernetes.io/name: aaa-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "selector" -}}
app.kubernetes.io/name: aaa-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Everything that the operator does at the API server, and nothing else. */ -}}
{{- define "rules" -}}
- apiGroups: [aaacluster.io]
  resources: [aaaclusters]
  verbs: [list, watch]
- apiGroups: [aaacluster.io]
  resources: [aaaclusters/status]
  verbs: [patch]
# Owner references of children block the deletion of their owner, which some clusters allow only with this right.
- apiGroups: [aaacluster.io]
  resources: [aaaclusters/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [configmaps, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [statefulsets, deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
# Secrets are made once and read by name; they are never listed. A patch adopts one that lost its AaaCluster.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch]
# Kubernetes makes the claims; the operator gives them to the AaaCluster, and deletes those of AAA nodes scaled away.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list, watch, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
