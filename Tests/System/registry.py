"""A schema registry of our own making, with Confluent's REST API: ids from 100200 on, logins, rights, and all that can go wrong."""

import base64
import http.server
import json
import ssl
import threading

FIRST_ID = 100200


class Registry:
    """Holds {subject: [(version, id, schema)]}. `requests` is what it was asked, as (method, path, user)."""

    def __init__(self, login=None, certificate=None):
        self.login, self.schemas, self.subjects, self.requests = login, [], {}, []
        self.is_read_only = False
        # What it answers instead, as (status, error code, message).
        self.trouble = None
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.answer(self)

            def do_POST(self):
                registry.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def ids(self):
        return {subject: versions[-1][1] for subject, versions in self.subjects.items()}

    def answer(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        words = request.headers.get("Authorization", "").split()
        user = tuple(base64.b64decode(words[1]).decode().split(":", 1)) if words[:1] == ["Basic"] else None
        self.requests.append((request.command, request.path, user))
        if self.login and user != self.login:
            status, answer = 401, {"error_code": 401, "message": "Unauthorized"}
        elif self.trouble:
            status, answer = self.trouble[0], {"error_code": self.trouble[1], "message": self.trouble[2]}
        else:
            status, answer = self.route(request.command, request.path.split("?")[0].strip("/").split("/"), body)
        content = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def route(self, method, path, body):
        missing = 404, {"error_code": 40403, "message": "Schema not found"}
        # As registries keep it: parsed, with its documentation.
        schema = json.dumps(json.loads(json.loads(body)["schema"])) if method == "POST" else None
        match (method, path):
            case "GET", ["schemas", "ids", number]:
                found = [text for id, text in self.schemas if id == int(number)]
                return (200, {"schema": found[0]}) if found else missing
            case "GET", ["subjects"]:
                return 200, list(self.subjects)
            case _, ["subjects", subject, *_] if subject not in self.subjects and (method, len(path)) != ("POST", 3):
                return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}
            case "GET", ["subjects", subject, "versions", "latest"]:
                return 200, self.told(subject, self.subjects[subject][-1])
            case "POST", ["subjects", subject]:
                found = [entry for entry in self.subjects[subject] if entry[2] == schema]
                return (200, self.told(subject, found[0])) if found else missing
            case "POST", ["subjects", subject, "versions"]:
                if self.is_read_only:
                    return 403, {"error_code": 40301, "message": "User is denied operation Write"}
                return 200, {"id": self.register(subject, schema)}
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def told(self, subject, entry):
        version, id, schema = entry
        return {"subject": subject, "version": version, "id": id, "schema": schema}

    def register(self, subject, schema):
        versions = self.subjects.setdefault(subject, [])
        for _, id, text in versions:
            if text == schema:
                return id
        id = next((id for id, text in self.schemas if text == schema), FIRST_ID + 7 * len(self.schemas))
        self.schemas.append((id, schema))
        versions.append((len(versions) + 1, id, schema))
        return id
