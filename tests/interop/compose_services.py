#!/usr/bin/python3
"""Runs what docker-compose.yml says, without an engine: compose_services.py CONFIG PROJECT BIN PG_BIN FOLDER.

CONFIG is what `docker-compose config` prints. Each service's entrypoint, command, environment and health check are taken from there, word for word; only what an engine would
provide is put in place: the images' programs are the ones of BIN and Debian's PostgreSQL, /run/secrets/NAME is a file in FOLDER, the name `postgres` and the containers' ports are
127.0.0.1 and free ones. Prints `ok - name` or `not ok - name` a test.
"""
import json
import os
import pwd
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

config_file, project, bin_folder, pg_bin, folder = sys.argv[1:]
with open(config_file) as f:
    config = yaml.safe_load(f)
services = config["services"]
os.makedirs(folder, exist_ok=True)
os.chmod(folder, 0o755)
started = []
failed = [0]
ports = {}


def port_of(service, container_port, replica=0):
    key = service, container_port, replica
    if key not in ports:
        ports[key] = random.randint(20000, 31999)
    return ports[key]


def test(name, good, remark=""):
    failed[0] += not good
    print(("ok - " if good else "not ok - ") + name)
    if not good and remark:
        print(remark)
    return good


def as_postgres():
    if os.geteuid() != 0:
        return None
    user = pwd.getpwnam("postgres")

    def become():
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)

    return become


def seconds(text):
    units = {"ms": 0.001, "s": 1, "m": 60}
    for unit in ("ms", "s", "m"):
        if text.endswith(unit) and text[: -len(unit)].isdigit():
            return int(text[: -len(unit)]) * units[unit]
    if "m" in text and text.endswith("s"):
        minutes, rest = text[:-1].split("m")
        return int(minutes) * 60 + int(rest or 0)
    raise ValueError(text)


# --- what an engine provides ---


def mount_secrets(service):
    """The secrets that the service names, and no others, where its containers find them."""
    there = os.path.join(folder, "secrets." + service)
    os.makedirs(there, exist_ok=True)
    for entry in services[service].get("secrets", []):
        name = entry["source"] if isinstance(entry, dict) else entry
        with open(config["secrets"][name]["file"]) as f:
            text = f.read().replace("@postgres:5432/", f"@127.0.0.1:{port_of('postgres', 5432)}/")
        if not os.path.exists(os.path.join(there, name)):
            with open(os.path.join(there, name), "w") as f:
                f.write(text)
            # an engine mounts each by itself, with the mode 0444, which the programs can tell;
            # these lie in a folder, and are for one user only
            os.chmod(os.path.join(there, name), 0o444 if service == "postgres" else 0o400)
    return there


def environment(service, secrets, replica=0):
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    for name, value in services[service].get("environment", {}).items():
        value = str(value).replace("/run/secrets/", secrets + "/")
        if name.endswith("_LISTEN"):
            host, port = value.rsplit(":", 1)
            value = f"{host}:{port_of(service, int(port), replica)}"
        env[name] = value
    return env


def program(argv):
    """The image's path -> the program here."""
    names = {"/usr/bin/m2m-gateway": bin_folder, "/usr/bin/m2mctl": bin_folder, "pg_isready": pg_bin}
    assert argv[0] in names, argv
    return [os.path.join(names[argv[0]], os.path.basename(argv[0]))] + argv[1:]


def command_of(service):
    s = services[service]
    # the Dockerfile's own entrypoint, where the file has none
    return program((s.get("entrypoint") or ["/usr/bin/m2m-gateway"]) + (s.get("command") or []))


def health_command(service):
    kind, *argv = services[service]["healthcheck"]["test"]
    assert kind == "CMD", "the image has no shell"
    return program(argv)


def healthy(service, env, alive):
    check = services[service]["healthcheck"]
    limit = time.monotonic() + seconds(check["start_period"]) + seconds(check["interval"]) * check["retries"]
    said = None
    while time.monotonic() < limit and alive():
        said = subprocess.run(health_command(service), env=env, capture_output=True, text=True, timeout=seconds(check["timeout"]))
        if said.returncode == 0:
            return True
        time.sleep(0.2)
    print(said)
    return False


# --- PostgreSQL, as its image's documentation says it begins ---


def start_postgres():
    secrets = mount_secrets("postgres")
    env = environment("postgres", secrets)
    data = os.path.join(folder, "data")
    os.makedirs(data)
    if os.geteuid() == 0:
        shutil.chown(data, "postgres", "postgres")
    run = dict(preexec_fn=as_postgres(), env=env, cwd="/", check=True, stdout=subprocess.DEVNULL)
    subprocess.run([pg_bin + "/initdb", "-D", data, "-U", "postgres", "--pwfile", env["POSTGRES_PASSWORD_FILE"],
                    *env.get("POSTGRES_INITDB_ARGS", "").split()], **run)
    log = os.path.join(folder, "postgres.log")
    open(log, "a").close()
    os.chmod(log, 0o666)
    for attempt in range(5):
        options = f"-p {port_of('postgres', 5432)} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data}"
        if subprocess.run([pg_bin + "/pg_ctl", "-D", data, "start", "-w", "-s", "-l", log, "-o", options],
                          preexec_fn=as_postgres(), env=env, cwd="/").returncode == 0:
            break
        del ports["postgres", 5432, 0]
    started.append(lambda: subprocess.run([pg_bin + "/pg_ctl", "-D", data, "stop", "-s", "-m", "fast"], preexec_fn=as_postgres(), cwd="/"))
    port = port_of("postgres", 5432)
    mounts = [v if isinstance(v, str) else f"{v['source']}:{v['target']}" for v in services["postgres"]["volumes"]]
    scripts = next(m.split(":")[0] for m in mounts if "/docker-entrypoint-initdb.d" in m)
    env.update(PGHOST=data, PGPORT=str(port), PATH=pg_bin + ":" + env["PATH"])
    for name in sorted(os.listdir(scripts)):
        with open(os.path.join(scripts, name)) as f:
            text = f.read().replace("/run/secrets/", secrets + "/")
        done = subprocess.run(["sh", "-c", text], preexec_fn=as_postgres(), env=dict(env, POSTGRES_USER="postgres"), cwd="/",
                              capture_output=True, text=True)
        test(f"postgres: {name} makes roles and database", done.returncode == 0 and not done.stderr, done.stderr)
    env = dict(env, PGPORT=str(port))
    del env["PGHOST"]
    return test("postgres: its health check succeeds", healthy("postgres", env, lambda: True))


def ask_sql(url, sql):
    return subprocess.run([pg_bin + "/psql", "-XqAt", url, "-c", sql], capture_output=True, text=True, cwd="/")


# --- the one-shot, and the gateways ---


def m2mctl(service, *argv):
    command = command_of(service) if not argv else command_of(service)[:1] + list(argv)
    return subprocess.run(command, env=environment(service, mount_secrets(service)), capture_output=True, text=True, timeout=60)


class Gateway:
    def __init__(self, replica):
        for attempt in range(5):
            self.env = environment("gateway", mount_secrets("gateway"), replica)
            self.log = open(os.path.join(folder, f"gateway.{replica}.log"), "ab")
            self.process = subprocess.Popen(command_of("gateway"), env=self.env, stdout=self.log, stderr=self.log, cwd="/")
            started.append(self.kill)
            self.healthy = healthy("gateway", self.env, lambda: self.process.poll() is None)
            if self.healthy:
                break
            self.kill()
            for key in [k for k in ports if k[0] == "gateway" and k[2] == replica]:
                del ports[key]
        self.url = "http://127.0.0.1:" + self.env["M2M_HTTP_LISTEN"].rsplit(":", 1)[1]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def token(self, client_id, secret):
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.url + "/oauth2/token", form, 20) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as e:
            return {"error": e.read().decode()}

    def end(self):
        grace = seconds(services["gateway"]["stop_grace_period"])
        began = time.monotonic()
        self.process.send_signal(getattr(signal, services["gateway"].get("stop_signal", "SIGTERM")))
        try:
            return self.process.wait(grace), time.monotonic() - began
        except subprocess.TimeoutExpired:
            return None, grace


def check_order():
    wants = services["gateway"]["depends_on"]
    test("the gateways wait for a healthy database and for the migration",
         wants == {"postgres": {"condition": "service_healthy"}, "migrate": {"condition": "service_completed_successfully"}}
         and services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}})


def check_hardening():
    profiles = {name: s.get("profiles", []) for name, s in services.items() if s.get("profiles")}
    test("only what is asked for is started beside the service",
         profiles == {"m2mctl": ["tools"], "prometheus": ["observability"], "grafana": ["observability"]}, repr(profiles))
    for name in ("gateway", "migrate", "m2mctl"):
        s = services[name]
        test(f"{name}: read-only root, no capabilities, no new privileges",
             s["read_only"] is True and s["cap_drop"] == ["ALL"] and s["security_opt"] == ["no-new-privileges:true"])
    published = [p for s in services.values() for p in s.get("ports", [])]
    test("nothing is published beyond loopback",
         all((p if isinstance(p, str) else p.get("host_ip", "")).startswith("127.0.0.1") for p in published), repr(published))
    replicas = [p for p in services["gateway"]["ports"]]
    test("replicas find ports of their own", all("-" in str(p).split(":")[1] for p in replicas), repr(replicas))
    secret_names = {name: {e["source"] if isinstance(e, dict) else e for e in s.get("secrets", [])} for name, s in services.items()}
    test("the gateways have no way to the owner's password",
         not secret_names["gateway"] & {"admin_database_url", "m2m_owner_password", "postgres_password"})


def main():
    check_order()
    check_hardening()
    if not start_postgres():
        return
    done = m2mctl("migrate")
    test("migrate: runs to its end", done.returncode == 0, done.stderr)
    done = m2mctl("migrate")
    test("migrate: a second time too", done.returncode == 0, done.stderr)
    made = m2mctl("m2mctl", "org", "create", "demo", "--output", "env")
    test("m2mctl: makes an organization", made.returncode == 0, made.stderr)
    values = dict(line.split("=", 1) for line in made.stdout.splitlines() if "=" in line)
    gateways = [Gateway(0), Gateway(1)]
    test("gateway: two replicas become healthy", all(g.healthy for g in gateways))
    tokens = [g.token(values["M2M_CLIENT_ID"], values["M2M_CLIENT_SECRET"]) for g in gateways]
    test("gateway: both issue tokens", all("access_token" in t for t in tokens), repr(tokens))
    with open(os.path.join(mount_secrets("m2mctl"), "admin_database_url")) as f:
        rows = ask_sql(f.read(), "set role m2m_auditor; select count(*) from m2m.token_audit")
    test("the auditor sees two rows", rows.stdout.strip().endswith("2"), rows.stdout + rows.stderr)
    for i, gateway in enumerate(gateways):
        status, took = gateway.end()
        test(f"gateway {i}: SIGTERM ends it in order within stop_grace_period", status == 0, f"{status} after {took:.1f} s")


try:
    main()
finally:
    for end in reversed(started):
        end()
sys.exit(failed[0] > 0)
