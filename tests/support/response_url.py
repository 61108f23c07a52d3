"""CloudFormation's side of a custom resource."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Answers:
    """The answers that were put to the response URLs of events."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.status = 200
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answers.received.append(json.loads(body) | {"Content-Type": self.headers["Content-Type"]})
                self.send_response(answers.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/answer?signature=secret"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


def event_for(answers: Answers, request_type: str, **properties: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "RequestType": request_type,
        "ResponseURL": answers.url,
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/TapStack/1",
        "RequestId": "request-1",
        "LogicalResourceId": "BackupsEmptyOnDelete",
        "ResourceProperties": properties,
    }
    if request_type != "Create":
        event["PhysicalResourceId"] = "id-before"
    return event
