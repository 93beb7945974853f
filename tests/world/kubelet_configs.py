"""Configurations of the kubelet's credential providers, as nodes have them."""

EKS = b"""{
  "apiVersion": "kubelet.config.k8s.io/v1",
  "kind": "CredentialProviderConfig",
  "providers": [
    {
      "name": "ecr-credential-provider",
      "matchImages": [
        "*.dkr.ecr.*.amazonaws.com",
        "*.dkr-ecr.*.on.aws",
        "*.dkr.ecr.*.amazonaws.com.cn",
        "*.dkr-ecr.*.on.amazonwebservices.com.cn",
        "*.dkr.ecr-fips.*.amazonaws.com",
        "*.dkr-ecr-fips.*.on.aws",
        "*.dkr.ecr.*.c2s.ic.gov",
        "*.dkr.ecr.*.sc2s.sgov.gov",
        "*.dkr.ecr.*.cloud.adc-e.uk",
        "*.dkr.ecr.*.csp.hci.ic.gov",
        "*.dkr.ecr.*.amazonaws.eu",
        "public.ecr.aws",
        "ecr-public.aws.com"
      ],
      "defaultCacheDuration": "12h",
      "apiVersion": "credentialprovider.kubelet.k8s.io/v1"
    }
  ]
}
"""
"""As nodes of EKS have it (amazon-eks-ami, nodeadm)."""
WITH_COMMENTS = b"""\
# Managed by hand. Ask the platform team first!
apiVersion: kubelet.config.k8s.io/v1   # since 1.26
kind: CredentialProviderConfig

providers:
  # Google's registry
  - name: gcr-credential-provider
    apiVersion: 'credentialprovider.kubelet.k8s.io/v1'
    matchImages: [ "gcr.io", '*.gcr.io' ]  # no ports
    defaultCacheDuration: "1m"
    env:
    - {name: HTTPS_PROXY, value: "http://proxy:3128"}
    args:
      - --v=3
  # The end.

# Nothing follows.
"""
