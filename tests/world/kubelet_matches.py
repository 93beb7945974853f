"""Which patterns the kubelet matches with which images.

The first table has the facts of Kubernetes' own tests (keyring_test.go: TestURLsMatch,
TestDockerKeyringForGlob and TestKeyringMiss); the second one the facts about ECR's names and labels
that follow from the same rule.
"""

UPSTREAM = (
    ("*.kubernetes.io", "prefix.kubernetes.io", True),
    ("prefix.*.io", "prefix.kubernetes.io", True),
    ("prefix.kubernetes.*", "prefix.kubernetes.io", True),
    ("*-good.kubernetes.io", "prefix-good.kubernetes.io", True),
    ("*.kubernetes.io/blah", "prefix.kubernetes.io/blah", True),
    ("prefix.*.io/foo", "prefix.kubernetes.io/foo/bar", True),
    ("*.kubernetes.io:1111/blah", "prefix.kubernetes.io:1111/blah", True),
    ("prefix.*.io:1111/foo", "prefix.kubernetes.io:1111/foo/bar", True),
    ("*.kubernetes.io", "kubernetes.io", False),
    ("*.*.kubernetes.io", "prefix.kubernetes.io", False),
    ("*.*.kubernetes.io", "kubernetes.io", False),
    ("kubernetes.io", "kubernetes.com", False),
    ("k*.io", "quay.io", False),
    ("*.kubernetes.io:1234/blah", "prefix.kubernetes.io:1111/blah", False),
    ("prefix.*.io/foo", "prefix.kubernetes.io:1111/foo/bar", False),
    ("*.docker.io/path:1111", "prefix.docker.io/path:1111", True),
    ("prefix.docker.*/path:1111", "prefix.docker.io/path:1111", True),
    ("prefix.*.io/path:1111", "prefix.docker.io/path/subpath:1111", False),
    ("prefix.docker.io:1111", "prefix.docker.io:1111/path", True),
    ("*.docker.io:8888", "prefix.docker.io:8888/foo/bar", True),
    ("*.docker.io/path:1111", "prefix.docker.io/path:1111/foo/bar", True),
    ("prefix.docker.io:1111", "prefix.docker.io:1111/path/foo/bar", True),
    ("prefix.*.io/path:1111", "prefix.docker.io/path/subpath:1111/foo/bar", False),
    ("suffix.*.io", "prefix.docker.io/foo/bar", False),
    ("prefix.docker.c*", "prefix.docker.io/foo/bar", False),
    ("*.docker.com", "prefix.docker.io", False),
)
ECR = (
    ("*.dkr.ecr.*.amazonaws.com", "123456789012.dkr.ecr.us-east-1.amazonaws.com/a", True),
    ("*.dkr.ecr.*.amazonaws.com", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a", False),
    ("*.dkr.ecr.*.amazonaws.com", "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/a", False),
    ("*.dkr.ecr.*.amazonaws.com", "123456789012.dkr.ecr.us-east-1.amazonaws.com:443/a", False),
    ("*.dkr.ecr.*.amazonaws.com:443", "123456789012.dkr.ecr.us-east-1.amazonaws.com:443/a", True),
    ("*.dkr.ecr.*.amazonaws.com:443", "123456789012.dkr.ecr.us-east-1.amazonaws.com/a", False),
    ("*.dkr-ecr.*.on.aws", "123456789012.dkr-ecr.us-east-1.on.aws/a", True),
    ("reg.io/foo", "reg.io/foobar/x", True),
    ("reg.io/foo", "reg.io/fo", False),
    ("REG.io", "reg.io/x", False),
    ("*.io", "a.k8s.io/x", False),
    ("x[a-c].io", "xb.io/x", True),
    ("?.io", "ab.io/x", False),
)
