"""botocore's data, cut to the services that are called."""

import os
from typing import Any

from botocore.loaders import Loader

from docker_credential_ecrpy.aws.sdk.embedded import DataLoader, Files

SERVICES = {
    "ecr": "ECR",
    "ecr-public": "ECR Public",
    "sts": "STS",
    "sso": "IAM Identity Center",
    "sso-oidc": "IAM Identity Center",
    "signin": "signin",
}
"""Services that this program and botocore make clients for: botocore's name -> AWS's."""
_ENDPOINTS, _PARTITIONS = (
    os.path.join(Loader.BUILTIN_DATA_PATH, name) for name in ("endpoints", "partitions")
)


class _Files(Files):
    """Makes botocore's list of endpoints from the smaller list of partitions."""

    def load_file(self, file_path: str) -> Any:
        """Return the content of a file, by its path without the suffix; None without one."""
        if file_path == _ENDPOINTS:
            return _list_endpoints(self.load_file(_PARTITIONS))
        return super().load_file(file_path)


class SdkData(DataLoader):
    """botocore's data, with a fixed list of services instead of a search of 400 directories."""

    def __init__(self, search_paths: list[str]) -> None:
        super().__init__(search_paths, _Files())

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's
        """Return the services that this program and botocore make clients for."""
        return list(SERVICES)


def _list_endpoints(partitions: Any) -> dict[str, Any]:
    """Return botocore's older list of endpoints, of 1 MB, without any service.

    The rules of a service decide its endpoint. botocore takes only the partition from this list.
    """
    return {
        "partitions": [
            {
                "partition": each["id"],
                "dnsSuffix": each["outputs"]["dnsSuffix"],
                "regionRegex": each["regionRegex"],
                "regions": each["regions"],
                "services": {},
                "defaults": {
                    "hostname": "{service}.{region}.{dnsSuffix}",
                    "protocols": ["https"],
                    "signatureVersions": ["v4"],
                    "variants": [
                        {"hostname": "{service}.{region}.{dnsSuffix}", "tags": tags}
                        for tags in (["fips"], ["dualstack"], ["dualstack", "fips"])
                    ],
                },
            }
            for each in partitions["partitions"]
        ]
    }
