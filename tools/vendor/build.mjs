// Builds static/vendor from the exact versions in package-lock.json: htmx, the editor bundle, the icon sprite,
// their licence texts and a manifest of what stands there. Run by `make vendor`; nothing else needs Node.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../../static/vendor");
const modules = join(here, "node_modules");
const HTMX_SHA256 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717";

const read = (...parts) => readFileSync(join(...parts), "utf8");
const packageOf = (name) => JSON.parse(read(modules, name, "package.json"));
const sha256 = (data) => createHash("sha256").update(data).digest("hex");

rmSync(target, { recursive: true, force: true });
mkdirSync(join(target, "licences"), { recursive: true });
const files = [];

function licenceText(name) {
  const found = readdirSync(join(modules, name)).find((file) => /^licen[cs]e/i.test(file));
  if (!found) throw new Error(`${name} carries no licence file`);
  return read(modules, name, found);
}

function store(file, data, packages) {
  writeFileSync(join(target, file), data);
  const bytes = Buffer.from(data);
  files.push({
    file, bytes: bytes.length, sha256: sha256(bytes),
    packages: packages.map((name) => {
      const { version, license } = packageOf(name);
      const text = `licences/${name.replace("@", "").replace("/", "-")}.txt`;
      writeFileSync(join(target, text), licenceText(name));
      return { name, version, licence: license, text };
    }),
  });
}

// htmx: the published file, byte for byte.
const htmx = readFileSync(join(modules, "htmx.org/dist/htmx.min.js"));
if (sha256(htmx) !== HTMX_SHA256) throw new Error("htmx is not the file that was reviewed");
store("htmx.min.js", htmx, ["htmx.org"]);

// The sprite: one <symbol> per line of icons.txt.
const names = read(here, "icons.txt").split("\n").filter(Boolean);
const symbols = names.map((name) => {
  const source = read(modules, "lucide-static/icons", `${name}.svg`);
  const body = source.slice(source.indexOf(">", source.indexOf("<svg")) + 1, source.lastIndexOf("</svg>"));
  return `<symbol id="${name}" viewBox="0 0 24 24">${body.replace(/\s*\n\s*/g, "").replace(/ \/>/g, "/>")}</symbol>`;
});
store("icons.svg", `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`, ["lucide-static"]);

// The editor: every package that esbuild pulled in is listed, so licences follow the real content.
const result = await build({
  entryPoints: [join(here, "editor-bundle.js")], bundle: true, minify: true, write: false, metafile: true,
  format: "iife", globalName: "CarillonEditor", target: "es2021", legalComments: "none", charset: "utf8",
});
const used = new Set();
for (const path of Object.keys(result.metafile.inputs)) {
  const match = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path);
  if (match) used.add(match[1]);
}
store("editor-bundle.js", result.outputFiles[0].text, [...used].sort());

writeFileSync(join(target, "manifest.json"), `${JSON.stringify({ files }, null, 2)}\n`);
process.stdout.write(files.map((entry) => `${entry.file} ${entry.bytes} bytes\n`).join(""));
