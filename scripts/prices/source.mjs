// The data inside the installed package @pydantic/genai-prices, which exports only what calculates with it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { runInNewContext } from 'node:vm';

const require = createRequire(import.meta.url);

/** @returns {{ version: string, providers: object[], licence: string }} */
export function readSource() {
  const main = require.resolve('@pydantic/genai-prices');
  const folder = dirname(dirname(main));
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const code = readFileSync(main, 'utf8');
  const [, name] = /\bconst ([\w$]+)=\[\{id:"/.exec(code) ?? [];
  if (name === undefined) throw new Error(`version ${version} of the data has another form`);
  const context = { exports: {}, providers: undefined };
  runInNewContext(`${code};this.providers=${name};`, context, { filename: main });
  // As plain data of this realm.
  const providers = JSON.parse(JSON.stringify(context.providers));
  return { version, providers, licence: readFileSync(join(folder, 'LICENSE'), 'utf8') };
}
