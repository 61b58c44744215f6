{{/* The names, and what more than one template needs. */}}

{{- define "m2m.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 50 characters, so that -default-deny and -migrate fit into 63. */}}
{{- define "m2m.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "m2m.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "m2m.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects pods; it never changes within a release. */}}
{{- define "m2m.selector" -}}
app.kubernetes.io/name: {{ include "m2m.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "m2m.labels" -}}
{{ include "m2m.selector" . }}
app.kubernetes.io/part-of: {{ include "m2m.name" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "m2m.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "m2m.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "m2m.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* A hook runs before the chart's own account is there. */}}
{{- define "m2m.migrateServiceAccount" -}}
{{- if .Values.migrate.serviceAccountName -}}
{{ .Values.migrate.serviceAccountName }}
{{- else if and (eq .Values.migrate.mode "hook") .Values.serviceAccount.create -}}
default
{{- else -}}
{{ include "m2m.serviceAccount" . }}
{{- end -}}
{{- end -}}

{{/* A number as digits: YAML's numbers come as floats, whose text may be 1e+06. YAML takes a bare
on or off for a boolean. */}}
{{- define "m2m.text" -}}
{{- if kindIs "float64" . -}}{{ int64 . }}{{- else if kindIs "bool" . -}}{{ ternary "on" "off" . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{- define "m2m.issuer" -}}
{{- required "settings.M2M_ISSUER has to be the URL that clients reach the gateway by, such as https://id.example.com" .Values.settings.M2M_ISSUER -}}
{{- end -}}

{{- define "m2m.plaintext" -}}
{{- .Values.settings.M2M_PLAINTEXT | default (ternary "ops" "all" .Values.tls.enabled) -}}
{{- end -}}

{{/* Not empty where the listener `what` of root speaks TLS. */}}
{{- define "m2m.speaksTls" -}}
{{- $plain := splitList "," (include "m2m.plaintext" .root | nospace) -}}
{{- if and .root.Values.tls.enabled (not (has "all" $plain)) (not (has .what $plain)) -}}yes{{- end -}}
{{- end -}}

{{- define "m2m.httpAppProtocol" -}}
{{- .Values.service.httpAppProtocol | default (ternary "https" "http" (include "m2m.speaksTls" (dict "root" . "what" "http") | not | not)) -}}
{{- end -}}

{{- define "m2m.grpcAppProtocol" -}}
{{- .Values.service.grpcAppProtocol | default (ternary "grpc" "kubernetes.io/h2c" (include "m2m.speaksTls" (dict "root" . "what" "grpc") | not | not)) -}}
{{- end -}}

{{/* One Secret's volume: name, the Secret's {name, key}, and the file that the gateway looks for. */}}
{{- define "m2m.secretVolume" -}}
- name: {{ .volume }}
  secret:
    secretName: {{ .secret.name }}
    defaultMode: 288 # 0440
    {{- if or .only (ne .secret.key .file) }}
    items:
      - key: {{ .secret.key }}
        path: {{ .file }}
    {{- end }}
{{- end -}}

{{- define "m2m.mount" -}}
- name: {{ .volume }}
  mountPath: {{ .path }}
  readOnly: true
{{- end -}}

{{- define "m2m.podSecurity" -}}
runAsNonRoot: true
{{- range $name, $value := .Values.podSecurityContext }}
{{- if not (kindIs "invalid" $value) }}
{{ $name }}: {{ toJson $value }}
{{- end }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "m2m.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* What nobody sees before the pod is killed, or before it doesn't start. */}}
{{- define "m2m.check" -}}
{{- $delay := .Values.settings.M2M_SHUTDOWN_DELAY_MS | default 5000 | int -}}
{{- if eq (toString .Values.settings.M2M_SHUTDOWN_DELAY_MS) "0" -}}{{- $delay = 0 -}}{{- end -}}
{{- $drain := .Values.settings.M2M_DRAIN_MS | default 10000 | int -}}
{{- if eq (toString .Values.settings.M2M_DRAIN_MS) "0" -}}{{- $drain = 0 -}}{{- end -}}
{{- $least := add $delay $drain 2000 -}}
{{- if lt (mul (int .Values.terminationGracePeriodSeconds) 1000) $least -}}
{{- fail (printf "terminationGracePeriodSeconds has to be at least %d: M2M_SHUTDOWN_DELAY_MS and M2M_DRAIN_MS together, and two seconds to spare" (div (add $least 999) 1000)) -}}
{{- end -}}
{{- if and .Values.trustedIssuers.list .Values.trustedIssuers.configMapName -}}
{{- fail "trustedIssuers: set list or configMapName, not both" -}}
{{- end -}}
{{- if and .Values.tls.clientCa.name (not .Values.tls.enabled) (eq (include "m2m.text" .Values.proxies.clientCertHeader) "off") -}}
{{- fail "tls.clientCa vouches for certificates that nobody shows: enable tls, or set proxies.clientCertHeader" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling: minReplicas is more than maxReplicas" -}}
{{- end -}}
{{- $own := list "M2M_DATABASE_URL" "M2M_MASTER_KEYS" "M2M_TLS_CERT" "M2M_TLS_KEY" "M2M_TLS_CLIENT_CA" "M2M_TRUSTED_PROXIES" "M2M_FORWARDED" "M2M_CLIENT_CERT_HEADER" "M2M_TRUSTED_ISSUERS" "M2M_PLAINTEXT" -}}
{{- range .Values.extraEnv -}}
{{- if has (trimSuffix "_FILE" .name) $own -}}
{{- fail (printf "%s in extraEnv: the chart sets it itself, from secrets, tls, proxies, trustedIssuers or settings" .name) -}}
{{- end -}}
{{- if hasKey $.Values.settings (trimSuffix "_FILE" .name) -}}
{{- fail (printf "%s stands in extraEnv and in settings; to take a default of settings away, set it to null" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
