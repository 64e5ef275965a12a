{{- define "headcount.name" -}}
{{- if contains "headcount" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-headcount" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "headcount.selector" -}}
app.kubernetes.io/name: headcount
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "headcount.labels" -}}
{{ include "headcount.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* The public URL: that of the settings, else that of the ingress. */}}
{{- define "headcount.publicUrl" -}}
{{- if .Values.settings.public_url }}{{ .Values.settings.public_url }}
{{- else if .Values.ingress.enabled }}{{ ternary "https" "http" (ne .Values.ingress.tlsSecret "") }}://{{ .Values.ingress.host }}
{{- end }}
{{- end }}

{{- define "headcount.env" -}}
- {name: HEADCOUNT_HOST, value: "0.0.0.0"}
- {name: HEADCOUNT_PORT, value: "8080"}
- {name: STATE_DIRECTORY, value: /var/lib/headcount}
{{- if .Values.postgres.existingSecret }}
- name: HEADCOUNT_DATABASE
  valueFrom:
    secretKeyRef: {name: {{ .Values.postgres.existingSecret }}, key: {{ .Values.postgres.key }}}
{{- else }}
- {name: HEADCOUNT_DATABASE, value: /var/lib/headcount/headcount.db}
{{- end }}
{{- range $variable, $from := dict "HEADCOUNT_ADMIN_KEY" .Values.adminKey "HEADCOUNT_ENCRYPTION_KEY" .Values.encryptionKey }}
{{- if $from.existingSecret }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef: {name: {{ $from.existingSecret }}, key: {{ $from.key }}}
{{- end }}
{{- end }}
{{- with include "headcount.publicUrl" . }}
- {name: HEADCOUNT_PUBLIC_URL, value: {{ . | quote }}}
{{- end }}
{{- range $name, $value := omit (merge (dict) .Values.settings (dict "log_format" "json")) "public_url" }}
{{- if has $name (list "database" "host" "port") }}
{{- fail (printf "settings.%s: the chart sets it" $name) }}
{{- end }}
- {name: HEADCOUNT_{{ upper $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- range $source, $declared := .Values.sources }}
{{- $prefix := printf "HEADCOUNT_SOURCE_%s" ($source | replace "-" "_" | upper) }}
{{- range $key, $value := $declared.settings }}
- {name: {{ $prefix }}_{{ upper $key }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- range $key, $from := $declared.secrets }}
- name: {{ $prefix }}_{{ upper $key }}
  valueFrom:
    secretKeyRef: {name: {{ $from.name }}, key: {{ $from.key }}}
{{- end }}
{{- end }}
{{- end }}
