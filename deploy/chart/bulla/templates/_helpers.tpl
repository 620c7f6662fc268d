{{- define "bulla.name" -}}
{{- $base := contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name (.Values.nameOverride | default .Chart.Name)) -}}
{{- printf "%s-webhook" (.Values.fullnameOverride | default $base | trunc 50 | trimSuffix "-") -}}
{{- end }}

{{- define "bulla.selector" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: webhook
{{- end }}

{{- define "bulla.labels" -}}
{{ include "bulla.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "bulla.image" -}}
{{- $image := printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- .Values.image.digest | empty | ternary $image (printf "%s@%s" $image .Values.image.digest) -}}
{{- end }}

{{- define "bulla.tlsSecret" -}}
{{ .Values.tls.secretName | default (printf "%s-tls" (include "bulla.name" .)) }}
{{- end }}

{{- define "bulla.host" -}}
{{ include "bulla.name" . }}.{{ .Release.Namespace }}.svc
{{- end }}

{{- /* The certificate of mode helm as YAML: crt, key, ca, notAfter. What is in the cluster is kept until 30 days before its end; then
the API server trusts the new authority and the last one, for as long as Pods still show the old certificate. */ -}}
{{- define "bulla.certificate" -}}
{{- $old := lookup "v1" "Secret" .Release.Namespace (include "bulla.tlsSecret" .) | default dict -}}
{{- $data := $old.data | default dict -}}
{{- $until := dig "metadata" "annotations" "webhook.bulla/not-after" "" $old -}}
{{- if and $until (index $data "tls.crt") (index $data "tls.key") (index $data "ca.crt") (gt $until (now | dateModify "+720h" | date "2006-01-02")) -}}
crt: {{ index $data "tls.crt" }}
key: {{ index $data "tls.key" }}
ca: {{ index $data "ca.crt" }}
notAfter: {{ $until | quote }}
{{- else -}}
{{- $name := include "bulla.host" . -}}
{{- $days := int .Values.tls.days -}}
{{- $ca := genCAWithKey (printf "%s-ca" (include "bulla.name" .)) $days (genPrivateKey "ecdsa") -}}
{{- $leaf := genSignedCertWithKey $name nil (list $name (printf "%s.cluster.local" $name)) $days $ca (genPrivateKey "ecdsa") -}}
{{- $last := regexFind "(?s)-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----" (index $data "ca.crt" | default "" | b64dec) -}}
crt: {{ $leaf.Cert | b64enc }}
key: {{ $leaf.Key | b64enc }}
ca: {{ printf "%s\n%s" (trim $ca.Cert) $last | trim | printf "%s\n" | b64enc }}
notAfter: {{ now | dateModify (printf "+%dh" (mul $days 24)) | date "2006-01-02" | quote }}
{{- end -}}
{{- end }}

{{- define "bulla.clientConfig" -}}
{{- $ := index . 0 -}}
{{- if $.Values.registration.url -}}
url: {{ $.Values.registration.url }}{{ index . 1 }}
{{- else -}}
service:
  namespace: {{ $.Release.Namespace }}
  name: {{ include "bulla.name" $ }}
  path: {{ index . 1 }}
  port: 443
{{- end }}
{{- with index . 2 }}
caBundle: {{ . }}
{{- end }}
{{- end }}

{{- /* By the label that the API server sets itself and no tenant can change. */ -}}
{{- define "bulla.namespaceSelector" -}}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values: {{ prepend .Values.registration.excludedNamespaces .Release.Namespace | uniq | sortAlpha | toJson }}
{{- with .Values.registration.onlyNamespaces }}
  - key: kubernetes.io/metadata.name
    operator: In
    values: {{ toJson . }}
{{- end }}
{{- end }}
