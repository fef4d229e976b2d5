"""Other ways to send the same mail, from one process each, without a ledger: what people write, and nodemailer's pool.

nodemailer and nunjucks come from npm's registry by npm into a temporary folder, where node and npm are installed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import content

_SHARE = 20  # of the campaign's messages: they take longer

_SMTPLIB = """
import json, smtplib, sys, threading, time
from email.message import EmailMessage
import jinja2
port, path, threads = int(sys.argv[1]), sys.argv[2], 8
job = json.load(open(path))
html = jinja2.Environment(autoescape=True).from_string(job["html"])
text = jinja2.Environment().from_string(job["text"])
subject = jinja2.Environment().from_string(job["subject"])
def work(records):
    with smtplib.SMTP("127.0.0.1", port) as server:
        for record in records:
            message = EmailMessage()
            message["From"], message["To"] = "The desk <desk@example.com>", record["email"]
            message["Subject"] = subject.render(record)
            message.set_content(text.render(record))
            message.add_alternative(html.render(record), subtype="html")
            server.send_message(message)
crew = [threading.Thread(target=work, args=(job["records"][number::threads],)) for number in range(threads)]
started = time.perf_counter()
for one in crew: one.start()
for one in crew: one.join()
print(time.perf_counter() - started)
"""

_NODEMAILER = """
const nodemailer = require("nodemailer"), nunjucks = require("nunjucks"), fs = require("fs");
const job = JSON.parse(fs.readFileSync(process.argv[3]));
const plain = new nunjucks.Environment(null, { autoescape: false });
const html = nunjucks.compile(job.html, new nunjucks.Environment(null, { autoescape: true }));
const text = nunjucks.compile(job.text, plain), subject = nunjucks.compile(job.subject, plain);
const transport = nodemailer.createTransport({ host: "127.0.0.1", port: +process.argv[2], secure: false,
  ignoreTLS: true, pool: true, maxConnections: 10, maxMessages: Infinity });
const started = process.hrtime.bigint();
let next = 0;
async function work() {
  while (next < job.records.length) {
    const record = job.records[next++];
    await transport.sendMail({ from: "The desk <desk@example.com>", to: record.email,
      subject: subject.render(record), text: text.render(record), html: html.render(record) });
  }
}
Promise.all(Array.from({ length: 20 }, work)).then(() => {
  console.log(Number(process.hrtime.bigint() - started) / 1e9);
  transport.close();
});
"""


def rates(port: int, *, n: int, size: int) -> Iterator[tuple[str, float, float]]:
    """(name, messages a second, the times that we are to be faster) of each peer that can be run here."""
    with tempfile.TemporaryDirectory(prefix="carillon-peers-") as name:
        folder = Path(name)
        job = content.job_of_peers(max(200, n // _SHARE), size)
        (folder / "job.json").write_text(json.dumps(job))
        count = len(job["records"])  # type: ignore[arg-type]
        (folder / "smtplib_loop.py").write_text(_SMTPLIB)
        yield "smtplib + EmailMessage, 8 threads", _rate(count, [sys.executable, "smtplib_loop.py"], port, folder), 10
        if _nodemailer_is_there(folder):
            (folder / "pool.js").write_text(_NODEMAILER)
            yield "nodemailer pool of 10, 1 process", _rate(count, ["node", "pool.js"], port, folder), 6


def _rate(count: int, command: list[str], port: int, folder: Path) -> float:
    done = subprocess.run([*command, str(port), "job.json"], cwd=folder, check=True, capture_output=True, text=True)
    return count / float(done.stdout)


def _nodemailer_is_there(folder: Path) -> bool:
    if not (shutil.which("node") and shutil.which("npm")):
        print("  nodemailer is left out: node and npm are not installed")
        return False
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "nodemailer@6", "nunjucks@3"]
    for _ in range(2):
        if subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode == 0:
            return True
        time.sleep(1)
    print("  nodemailer is left out: npm could not fetch it")
    return False
