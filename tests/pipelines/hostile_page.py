"""A web page of another origin that tries to launch runs, and what a script could send."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

LAUNCH = """
    mutation { launchPipelineExecution(executionParams: {
        mode: "default", selector: { repositoryLocationName: "gauntlet",
        repositoryName: "__repository__", pipelineName: "retry_failed" } }) { __typename } }
"""
AS_JSON = json.dumps({"query": LAUNCH})
AS_PARAMETERS = urlencode({"query": LAUNCH})
SUBSCRIBE = {"type": "start", "id": "1", "payload": {"query": LAUNCH}}

_PAGE = """
<!doctype html><title>trying</title><body>
<iframe name="hidden"></iframe>
<form target="hidden" method="post" action="URL?PARAMETERS"><input name="a" value="b"></form>
<form target="hidden" method="post" enctype="text/plain" action="URL?PARAMETERS"></form>
<form target="hidden" method="post" enctype="multipart/form-data" action="URL?PARAMETERS"></form>
<script>
const opened = []
function tried(attempt) { return attempt.then(r => r.type + r.status, e => "failed") }
function socket() {
  return new Promise(done => {
    const it = new WebSocket("URL".replace("http", "ws"), "graphql-ws")
    it.onopen = () => { opened.push("websocket"); it.send(JSON.stringify(SUBSCRIBE)) }
    it.onclose = it.onmessage = it.onerror = () => done("socket over")
  })
}
async function attack() {
  for (const form of document.forms) {
    const loaded = new Promise(done => { document.querySelector("iframe").onload = done })
    form.submit()
    await loaded
  }
  const image = new Image()
  const shown = new Promise(done => { image.onload = image.onerror = done })
  image.src = "URL?PARAMETERS"
  await shown
  const simple = {method: "POST", mode: "no-cors", credentials: "include"}
  const body = JSON.stringify({query: QUERY})
  for (const type of ["text/plain", "text/plain;application/json", "application/json"])
    await tried(fetch("URL", {...simple, body, headers: {"Content-Type": type}}))
  await tried(fetch("URL?PARAMETERS", {...simple}))
  await tried(fetch("URL?PARAMETERS", {mode: "no-cors"}))
  await tried(fetch("URL", {method: "POST", body, headers: {"Content-Type": "application/json"}}))
  await tried(fetch("ROOT/report_asset_materialization/prices", {...simple}))
  await socket()
  document.title = opened.length ? "got in by " + opened : "kept out"
}
attack().catch(error => { document.title = "broken: " + error })
</script>
"""


@contextmanager
def serving_attack(url: str) -> Iterator[str]:
    """Serve the page, which attacks the webserver at `url`; lend its address.

    Its title says at the end whether a WebSocket was opened; the runs say the rest.
    """
    placed = {"URL": f"{url}/graphql", "ROOT": url, "PARAMETERS": AS_PARAMETERS}
    page = _PAGE.replace("SUBSCRIBE", json.dumps(SUBSCRIBE)).replace("QUERY", json.dumps(LAUNCH))
    for name, value in placed.items():
        page = page.replace(name, value)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
