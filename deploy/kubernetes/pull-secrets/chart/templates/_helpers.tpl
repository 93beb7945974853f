{{- define "ecr.name" -}}
{{- $name := .Values.fullnameOverride | default (contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name)) -}}
{{- $name | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{- define "ecr.account" -}}
{{- $given := .Values.serviceAccount -}}
{{- $given.name | default ($given.create | ternary (include "ecr.name" .) "default") -}}
{{- end }}

{{- define "ecr.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "ecr.labels" -}}
{{ include "ecr.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end }}

{{- define "ecr.metadata" -}}
name: {{ include "ecr.name" . | quote }}
namespace: {{ .Release.Namespace | quote }}
labels:
  {{- include "ecr.labels" . | nindent 2 }}
{{- end }}

{{/* "true" where namespaces have to be read, since a condition selects some of them. */}}
{{- define "ecr.lists" -}}
{{- $v := .Values -}}
{{- $found := or (and (eq $v.mode "cluster") (not $v.namespaces)) $v.exclude $v.namespaceLabels $v.optIn -}}
{{- range $v.namespaces }}{{ if regexMatch "[*?\\[]" . }}{{ $found = true }}{{ end }}{{ end -}}
{{- if $found }}true{{ end -}}
{{- end }}

{{/* The namespaces whose Secrets are written, as JSON; none where they have to be read. */}}
{{- define "ecr.served" -}}
{{- if include "ecr.lists" . }}[]{{ else }}{{ .Values.namespaces | default (list .Release.Namespace) | uniq | toJson }}{{ end -}}
{{- end }}

{{- define "ecr.replicas" -}}
{{- .Values.replicas | default (eq .Values.mode "cluster" | ternary 2 1) -}}
{{- end }}

{{- define "ecr.check" -}}
{{- $v := .Values -}}
{{- $id := $v.identity -}}
{{- if gt (len (compact (list $id.roleArn ($id.podIdentity | ternary "yes" "") $id.credentialsSecret))) 1 }}
{{- fail "identity: roleArn, podIdentity and credentialsSecret exclude each other" }}
{{- end }}
{{- if eq $v.mode "cluster" }}
{{- if or $v.exclude $v.namespaceLabels $v.optIn $v.serviceAccounts }}
{{- fail "mode cluster reads exclude, namespaceLabels, optIn and serviceAccounts from the custom resources" }}
{{- end }}
{{- if or (gt (len (uniq $v.namespaces)) 1) (and $v.namespaces (include "ecr.lists" .)) }}
{{- fail "mode cluster follows one namespace by name, or all of them" }}
{{- end }}
{{- else }}
{{- if $v.ruleFiles }}{{ fail "ruleFiles needs mode cluster; without, config has the rules" }}{{ end }}
{{- if not $v.registries }}{{ fail "registries: name at least one" }}{{ end }}
{{- if and (ne $v.form "dockerconfigjson") (ne (len (uniq $v.registries)) 1) }}
{{- fail (printf "the form %s holds the login of one registry" $v.form) }}
{{- end }}
{{- if and $v.repository (ne $v.form "argocd") }}{{ fail "repository needs the form argocd" }}{{ end }}
{{- end }}
{{- end }}

{{- define "ecr.args" -}}
{{- $v := .Values -}}
- pull-secrets
{{- if eq $v.mode "cluster" }}
- --resources
{{- if $v.ruleFiles }}
- --rules=/etc/ecr-pull-secrets/rules
{{- end }}
{{- else }}
{{- if eq $v.mode "once" }}
- --once
{{- end }}
- {{ printf "--name=%s" $v.secretName | quote }}
{{- if ne $v.form "dockerconfigjson" }}
- {{ printf "--form=%s" $v.form | quote }}
{{- end }}
{{- with $v.repository }}
- {{ printf "--repository=%s" . | quote }}
{{- end }}
{{- range uniq $v.serviceAccounts }}
- {{ printf "--service-account=%s" . | quote }}
{{- end }}
{{- range $v.exclude }}
- {{ printf "--exclude=%s" . | quote }}
{{- end }}
{{- range $key, $value := $v.namespaceLabels }}
- {{ printf "--label=%s=%s" $key $value | quote }}
{{- end }}
{{- if $v.optIn }}
- --opt-in
{{- end }}
{{- end }}
{{- if ne (include "ecr.served" .) (list .Release.Namespace | toJson) }}
{{- range uniq $v.namespaces }}
- {{ printf "--namespace=%s" . | quote }}
{{- end }}
{{- end }}
{{- if ne $v.mode "cluster" }}
{{- range uniq $v.registries }}
- {{ . | quote }}
{{- end }}
{{- end }}
{{- range $v.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- define "ecr.pod" -}}
{{- $v := .Values -}}
{{- $id := $v.identity -}}
{{- /* A tag of digits is a number for --set. */ -}}
{{- $tag := kindIs "string" $v.image.tag | ternary $v.image.tag (toJson $v.image.tag) -}}
{{- $has := or $id.roleArn $id.podIdentity $id.credentialsSecret -}}
serviceAccountName: {{ include "ecr.account" . | quote }}
enableServiceLinks: false
{{- with $v.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: pull-secrets
    image: {{ printf "%s%s" $v.image.repository ($v.image.digest | empty | not | ternary (printf "@%s" $v.image.digest) (printf ":%s" ($tag | default .Chart.AppVersion))) | quote }}
    {{- with $v.image.pullPolicy }}
    imagePullPolicy: {{ . }}
    {{- end }}
    args:
      {{- include "ecr.args" . | nindent 6 }}
    {{- if or $v.config $has $v.extraEnv }}
    env:
      {{- if $v.config }}
      - name: AWS_ECR_CONFIG
        value: /etc/ecr-pull-secrets/rules/config.toml
      {{- end }}
      {{- if $id.credentialsSecret }}
      - name: AWS_SHARED_CREDENTIALS_FILE
        value: /etc/ecr-pull-secrets/aws/credentials
      {{- end }}
      {{- if $has }}
      - name: AWS_EC2_METADATA_DISABLED
        value: "true"
      {{- end }}
      {{- with $v.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- end }}
    {{- if ne $v.mode "once" }}
    ports:
      - name: http
        containerPort: 8080
    livenessProbe:
      httpGet:
        path: /healthz
        port: http
    readinessProbe:
      httpGet:
        path: /readyz
        port: http
    {{- end }}
    resources:
      {{- toYaml $v.resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
    {{- if or $v.config $v.ruleFiles $id.credentialsSecret $v.extraVolumeMounts }}
    volumeMounts:
      {{- if or $v.config $v.ruleFiles }}
      - name: rules
        mountPath: /etc/ecr-pull-secrets/rules
        readOnly: true
      {{- end }}
      {{- if $id.credentialsSecret }}
      - name: aws
        mountPath: /etc/ecr-pull-secrets/aws
        readOnly: true
      {{- end }}
      {{- with $v.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- end }}
{{- if or $v.config $v.ruleFiles $id.credentialsSecret $v.extraVolumes }}
volumes:
  {{- if or $v.config $v.ruleFiles }}
  - name: rules
    configMap:
      name: {{ include "ecr.name" . | quote }}
  {{- end }}
  {{- with $id.credentialsSecret }}
  - name: aws
    secret:
      secretName: {{ . | quote }}
  {{- end }}
  {{- with $v.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
{{- with get $v $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "ecr.template" -}}
metadata:
  labels:
    {{- include "ecr.selector" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "ecr.rules" -}}
{{- $v := .Values -}}
{{- $lists := include "ecr.lists" . -}}
{{- $follow := eq $v.mode "once" | ternary (list) (list "list" "watch") -}}
{{- $rest := eq $v.mode "once" | ternary (list) (list "watch") -}}
{{- $rules := list -}}
{{- if eq $v.mode "cluster" -}}
  {{- $kinds := list "ecrpullsecrets" -}}
  {{- $status := list "ecrpullsecrets/status" -}}
  {{- if $lists -}}
    {{- $kinds = append $kinds "clusterecrpullsecrets" -}}
    {{- $status = append $status "clusterecrpullsecrets/status" -}}
    {{- $rules = append $rules (dict "apiGroups" (list "") "resources" (list "namespaces") "verbs" (list "list" "watch")) -}}
  {{- end -}}
  {{- $group := list "docker-credential-ecrpy.github.io" -}}
  {{- $rules = append $rules (dict "apiGroups" $group "resources" $kinds "verbs" (list "list" "watch" "patch")) -}}
  {{- $rules = append $rules (dict "apiGroups" $group "resources" $status "verbs" (list "patch")) -}}
  {{- $rules = append $rules (dict "apiGroups" (list "") "resources" (list "secrets") "verbs" (list "get" "list" "watch" "create" "patch" "delete")) -}}
  {{- $rules = append $rules (dict "apiGroups" (list "") "resources" (list "serviceaccounts") "verbs" (list "get" "list" "watch" "patch")) -}}
  {{- $rules = append $rules (dict "apiGroups" (list "") "resources" (list "events") "verbs" (list "create")) -}}
{{- else -}}
  {{- $delete := $lists | empty | ternary (list) (list "delete") -}}
  {{- $look := and (not (empty $lists)) (eq $v.mode "once") | ternary (list "list") $follow -}}
  {{- if $lists -}}
    {{- $rules = append $rules (dict "apiGroups" (list "") "resources" (list "namespaces") "verbs" (concat (list "list") $rest)) -}}
  {{- end -}}
  {{- $rules = append $rules (dict "apiGroups" (list "") "resources" (list "secrets") "resourceNames" (list $v.secretName) "verbs" (concat (list "get") $look (list "patch") $delete)) -}}
  {{- $rules = append $rules (dict "apiGroups" (list "") "resources" (list "secrets") "verbs" (list "create")) -}}
  {{- if ne $v.mode "once" -}}
    {{- $rules = append $rules (dict "apiGroups" (list "") "resources" (list "events") "verbs" (list "create")) -}}
  {{- end -}}
  {{- $accounts := uniq $v.serviceAccounts -}}
  {{- $glob := false -}}
  {{- range $accounts }}{{ if regexMatch "[*?\\[]" . }}{{ $glob = true }}{{ end }}{{ end -}}
  {{- if $glob -}}
    {{- $rules = append $rules (dict "apiGroups" (list "") "resources" (list "serviceaccounts") "verbs" (concat (list "get" "list") $rest (list "patch"))) -}}
  {{- else if eq (len $accounts) 1 -}}
    {{- $rules = append $rules (dict "apiGroups" (list "") "resources" (list "serviceaccounts") "resourceNames" $accounts "verbs" (concat (list "get") $follow (list "patch"))) -}}
  {{- else if $accounts -}}
    {{- $rules = append $rules (dict "apiGroups" (list "") "resources" (list "serviceaccounts") "resourceNames" $accounts "verbs" (list "get" "patch")) -}}
    {{- if $follow -}}
      {{- $rules = append $rules (dict "apiGroups" (list "") "resources" (list "serviceaccounts") "verbs" $follow) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- toYaml $rules -}}
{{- end }}
