// The public types: index.d.ts (bundled from facade/index.ts, committed) and, in dist/, one .d.ts and
// one .d.mts for every entry. An entry's names are those of the index, so that a class has one identity
// whichever entry it is imported from; an entry may give them other names.
//
//   node scripts/build-types.mjs           writes them
//   node scripts/build-types.mjs --check   leaves index.d.ts alone and fails when it is stale
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { rollup } from 'rollup';
import dts from 'rollup-plugin-dts';
import ts from 'typescript';
import { entries, preloads, root } from './lib/entries.mjs';

const HEADER = '// Built from facade/ by `npm run build:types`. Do not edit.\n\n';
const check = process.argv.includes('--check');
const indexPath = join(root, 'index.d.ts');

const index = HEADER + (await bundle(join(root, 'facade/index.ts')));
if (check) {
  const committed = existsSync(indexPath) ? readFileSync(indexPath, 'utf8') : '';
  if (committed !== index) {
    console.error('index.d.ts is stale. Run `npm run build:types` and commit the result.');
    process.exit(1);
  }
} else {
  writeFileSync(indexPath, index);
}
writeEntries();
for (const { name, source } of preloads) {
  writeFileSync(join(root, 'dist', `${name}.d.ts`), HEADER + (await bundle(join(root, source))));
}

/** @returns {Promise<string>} the declarations reachable from `source`, in one file */
async function bundle(source) {
  const build = await rollup({
    input: source,
    plugins: [dts({ tsconfig: join(root, 'tsconfig.build.json') })],
    external: [/^node:/],
    onwarn: warning => {
      throw new Error(warning.message);
    },
  });
  const { output } = await build.generate({ format: 'es' });
  await build.close();
  if (output.length !== 1) {
    throw new Error('the public types must fit into one file; look for dynamic imports');
  }
  return output[0].code;
}

function writeEntries() {
  const exportsOf = publicNames(entries.map(entry => join(root, entry.source)));
  const nameInIndex = new Map();
  for (const [name, symbol] of exportsOf(join(root, 'facade/index.ts'))) {
    nameInIndex.set(symbol, name);
  }
  for (const { name, source } of entries) {
    const file = join(root, 'dist', `${name}.d.ts`);
    mkdirSync(dirname(file), { recursive: true });
    const toIndex = relative(dirname(file), join(root, 'index')).replaceAll('\\', '/');
    if (name !== 'index') {
      const names = [...exportsOf(join(root, source))].map(([exported, symbol]) => {
        const original = nameInIndex.get(symbol);
        if (original === undefined) {
          throw new Error(`${source} exports ${exported}, which facade/index.ts does not`);
        }
        return original === exported ? exported : `${original} as ${exported}`;
      });
      writeFileSync(
        file,
        `export {\n${names
          .sort()
          .map(n => `  ${n},\n`)
          .join('')}} from '${toIndex}.js';\n`,
      );
    }
    const target = name === 'index' ? `${toIndex}.js` : `./${name.split('/').at(-1)}.js`;
    writeFileSync(file.replace(/\.d\.ts$/, '.d.mts'), `export * from '${target}';\n`);
  }
}

/** @returns {(file: string) => Map<string, ts.Symbol>} the exports of a module by name, aliases followed */
function publicNames(files) {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.build.json'), ts.sys.readFile).config,
    ts.sys,
    root,
  );
  const program = ts.createProgram(files, options);
  const checker = program.getTypeChecker();
  return file => {
    const source = program.getSourceFile(resolve(file));
    const module = source && checker.getSymbolAtLocation(source);
    if (!module) {
      throw new Error(`${file} is not a module`);
    }
    return new Map(
      checker
        .getExportsOfModule(module)
        .map(symbol => [
          symbol.name,
          symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
        ]),
    );
  };
}
