import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

const root = resolve(__dirname, '../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = Object.keys(manifest.exports).filter(subpath => manifest.exports[subpath].require);

test.each(entries)('%s: the types promise what there is, and nothing else', subpath => {
  const { types, default: file } = manifest.exports[subpath].require;
  expect(Object.keys(require(join(root, file))).sort()).toEqual(valuesOf(join(root, types)));
});

test.each(entries)('%s: the ES module names what the CommonJS module has', subpath => {
  const names = Object.keys(require(join(root, manifest.exports[subpath].require.default))).sort();
  const text = readFileSync(join(root, manifest.exports[subpath].import.default), 'utf8');
  const listed = /export const \{([^}]*)\}/
    .exec(text)?.[1]
    ?.split(',')
    .map(name => name.trim());
  expect(listed?.filter(Boolean)).toEqual(names);
});

test('every sub-path is reachable under node10 as well', () => {
  const names = Object.keys(manifest.exports)
    .filter(subpath => manifest.exports[subpath].types || manifest.exports[subpath].require)
    .filter(subpath => subpath !== '.')
    .map(subpath => subpath.slice(2));
  expect(Object.keys(manifest.typesVersions['*'])).toEqual(names);
});

/** The names of a declaration file that exist at run time. */
function valuesOf(file: string): string[] {
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) {
    throw new Error(`${pathToFileURL(file)} is not a module`);
  }
  return checker
    .getExportsOfModule(module)
    .map(symbol => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
    .filter(symbol => symbol.flags & ts.SymbolFlags.Value)
    .map(symbol => symbol.name)
    .sort();
}
