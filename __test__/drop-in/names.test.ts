/** `./budget` has every name of the published index: what a program imports from there, it finds here. */
import { join } from 'node:path';
import ts from 'typescript';
import { publishedBudgetFolder } from '../support/published';
import { root } from './support/project';

/** Names that come with other parts of this package; to be empty. */
const COMING: readonly string[] = [];

const published = namesOf(join(publishedBudgetFolder(), 'index.d.ts'));
const ours = namesOf(join(root, 'dist/budget.d.ts'));

test('every value', () => {
  expect(published.values).toEqual([
    'CostCalculator',
    'TokenBudgetTracker',
    'UsageReporter',
    'UsageReporterConfigSchema',
    'getCostCalculator',
  ]);
  expect(missing(published.values, ours.values)).toEqual(coming(published.values));
  const loaded = Object.keys(require('@wundr.io/token-budget/budget'));
  expect(missing(published.values, loaded)).toEqual(coming(published.values));
});

test('every type', () => {
  expect(published.types.length).toBeGreaterThan(25);
  expect(missing(published.types, ours.types)).toEqual(coming(published.types));
});

test('what was still to come is not listed once it is there', () => {
  const there = new Set([...ours.types, ...ours.values]);
  expect(COMING.filter(name => there.has(name))).toEqual([]);
});

function missing(wanted: readonly string[], there: readonly string[]): string[] {
  return wanted.filter(name => !there.includes(name));
}

function coming(among: readonly string[]): string[] {
  return among.filter(name => COMING.includes(name));
}

/** What a module of declarations exports; a class is a value and a type. */
function namesOf(file: string): { values: string[]; types: string[] } {
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) throw new Error(`${file} is not a module`);
  const symbols = checker
    .getExportsOfModule(module)
    .map(symbol => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol));
  const named = (flag: ts.SymbolFlags) =>
    symbols
      .filter(symbol => symbol.flags & flag)
      .map(symbol => symbol.name)
      .sort();
  return { values: named(ts.SymbolFlags.Value), types: named(ts.SymbolFlags.Type) };
}
