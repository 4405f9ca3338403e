"""The API's reference as a page: the OpenAPI document, readable, without a script."""

import base64
import hashlib
from typing import Any

import jinja2
import msgspec
from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, Response

STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; } h3 { margin-top: 2rem; font-family: ui-monospace, monospace; }
pre { padding: 1rem; overflow-x: auto; border: 1px solid; border-radius: .5rem; }
table { border-collapse: collapse; }
td, th { padding: .2rem 1rem .2rem 0; text-align: left; vertical-align: top; }
code { font-family: ui-monospace, monospace; }
"""
PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }} API</title><style>{{ style }}</style></head>
<body><main>
<h1>{{ title }} API</h1>
{% for paragraph in description.split("\n\n") %}<p>{{ paragraph }}</p>{% endfor %}
<p>For programs: <a href="openapi.json">openapi.json</a></p>
{% for tag, operations in tags.items() %}
<section><h2>{{ tag }}</h2>
{% for operation in operations %}
<article>
<h3>{{ operation.method }} {{ operation.path }}</h3>
<p>Scope: <code>{{ operation.scope }}</code></p>
{% for paragraph in operation.description.split("\n\n") %}<p>{{ paragraph }}</p>{% endfor %}
{% if operation.parameters %}
<table><thead><tr><th>parameter</th><th>in</th><th>what</th></tr></thead><tbody>
{% for each in operation.parameters %}
<tr><td><code>{{ each.name }}</code></td><td>{{ each.in }}</td><td>{{ each.description }}</td></tr>
{% endfor %}
</tbody></table>
{% endif %}
{% if operation.body %}<p>Body:</p><pre tabindex="0">{{ operation.body }}</pre>{% endif %}
<p>Answer {{ operation.status }}:</p><pre tabindex="0">{{ operation.answer }}</pre>
</article>
{% endfor %}
</section>
{% endfor %}
</main></body></html>
"""
METHODS = ("get", "post", "delete")

_template = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(PAGE)
_digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_digest}'; frame-ancestors 'none'"


async def show_reference(request: Request) -> Response:
    app: FastAPI = request.app
    document = app.openapi()
    tags: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                operation = operations[method]
                shown = _shown(method, path, operation, document)
                tags.setdefault(operation["tags"][0], []).append(shown)
    page = _template.render(
        title=document["info"]["title"],
        description=document["info"]["description"],
        tags=tags,
        style=jinja2.filters.do_mark_safe(STYLE),
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})


def _shown(
    method: str, path: str, operation: dict[str, Any], document: dict[str, Any]
) -> dict[str, Any]:
    status, good = next(iter(sorted(operation["responses"].items())))
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = body.get("schema", {}).get("$ref", "").rpartition("/")[2]
    example = document["components"]["schemas"].get(name, {}).get("example")
    return {
        "method": method.upper(),
        "path": path,
        "scope": operation["x-scope"],
        "description": operation.get("description", ""),
        "parameters": operation.get("parameters", []),
        "body": _pretty(example) if example else "",
        "status": status,
        "answer": _pretty(good["content"]["application/json"]["example"]),
    }


def _pretty(document: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
