/** The declarations, held against those that were published: what the one takes and gives, the other does. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { publishedPackage } from '../support/published';
import { type TemporaryFolder, temporaryFolder } from '../support/system';
import { PUBLISHED, root } from './support/project';

/**
 * Where values do not go both ways, and why. `in`: one of theirs is none of ours; `out`: one of ours is none of theirs.
 */
const DIFFERENCES: Record<string, string> = {
  'BudgetConfig out': 'nearly everything is optional here, and a store in memory exists',
  'UsageReport in': 'every report has the series of its granularity, which the published one leaves out',
  'UsageBreakdown in': 'it says how many of its records have no price: they do not cost nothing',
  'TokenBudgetTracker in': 'it does more than the published class',
  'CostCalculator in': 'it does more than the published class',
  'UsageReporter in': 'it does more than the published class',
};

let folder: TemporaryFolder;
beforeAll(() => {
  folder = temporaryFolder('drop-in-types');
  const modules = join(folder.path, 'node_modules');
  mkdirSync(join(modules, '@wundr.io'), { recursive: true });
  symlinkSync(publishedPackage(), join(modules, PUBLISHED), 'junction');
  symlinkSync(root, join(modules, '@wundr.io/token-budget'), 'junction');
  symlinkSync(join(root, 'node_modules/@types'), join(modules, '@types'), 'junction');
  writeFileSync(join(folder.path, 'package.json'), '{ "private": true }');
});
afterAll(() => folder.remove());

const TIMEOUT_MS = 60_000;

test.each([
  ['the published declarations', {}],
  ['ours', { [`${PUBLISHED}/budget`]: [join(root, 'dist/budget.d.ts')] }],
])(
  'a daemon compiles against %s',
  (_, paths) => {
    const text = readFileSync(join(__dirname, 'fixtures/daemon.ts'), 'utf8');
    expect(complaints('daemon.ts', text, { paths })).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  'values go both ways, but for the differences listed',
  () => {
    const names = typesOf(`${PUBLISHED}/budget`);
    const lines = names.flatMap(name => [
      `export const in_${name}: ours.${name} = {} as Public<theirs.${name}>;`,
      `export const out_${name}: Public<theirs.${name}> = {} as ours.${name};`,
    ]);
    const text = [
      `import type * as theirs from '${PUBLISHED}/budget';`,
      `import type * as ours from '@wundr.io/token-budget/budget';`,
      // Private members make a class nominal; no two generic listeners of emitters are related.
      `type Listening = 'on' | 'once' | 'off' | 'addListener' | 'removeListener' | 'removeAllListeners' | 'emit' | 'listeners' | 'listenerCount' | 'eventNames' | 'rawListeners';`,
      `type Public<T> = T extends string ? T : T extends theirs.TokenBudgetTracker | theirs.UsageReporter | theirs.CostCalculator ? Omit<T, Listening> : T;`,
      ...lines,
    ].join('\n');
    const found = complaints('assignable.ts', text).map(({ line, message }) => {
      const [, way, name] = /const (in|out)_(\w+)/.exec(text.split('\n')[line] ?? '') ?? [];
      return [`${name} ${way}`, message] as const;
    });
    const unexpected = found.filter(([difference]) => !Object.hasOwn(DIFFERENCES, difference));
    expect(unexpected).toEqual([]);
    expect(found.map(([difference]) => difference).sort()).toEqual(Object.keys(DIFFERENCES).sort());
  },
  TIMEOUT_MS,
);

test(
  'the published daemon is one that a budget can be attached to',
  () => {
    const text = `
import { OrchestratorDaemon, type Session, SessionManager } from '${PUBLISHED}';
import { attachBudget, type DaemonSession, TokenBudgetTracker } from '@wundr.io/token-budget/budget';
declare const daemon: OrchestratorDaemon;
declare const manager: SessionManager;
declare const session: Session;
export const told: DaemonSession = session;
const tracker = new TokenBudgetTracker();
export const detach: () => Promise<void> = attachBudget(daemon, tracker, { sessions: manager });
attachBudget(manager, tracker, { estimate: async ({ metrics }) => metrics?.tokensUsed ?? 500 });
`;
    expect(complaints('attach.ts', text)).toEqual([]);
  },
  TIMEOUT_MS,
);

interface Complaint {
  line: number;
  message: string;
}

function compile(name: string, text: string, options: ts.CompilerOptions = {}): ts.Program {
  const file = join(folder.path, name);
  writeFileSync(file, text);
  return ts.createProgram([file], {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts'],
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    ...options,
  });
}

function complaints(name: string, text: string, options: ts.CompilerOptions = {}): Complaint[] {
  return ts.getPreEmitDiagnostics(compile(name, text, options)).map(({ messageText, file, start }) => ({
    line: file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line : -1,
    message: ts.flattenDiagnosticMessageText(messageText, ' '),
  }));
}

/** The names of the types that a module exports, classes among them. */
function typesOf(specifier: string): string[] {
  const program = compile('names.ts', `import '${specifier}';\nexport * from '${specifier}';\n`);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(join(folder.path, 'names.ts'));
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) throw new Error(`${specifier} is not a module`);
  return checker
    .getExportsOfModule(module)
    .map(symbol => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
    .filter(symbol => symbol.flags & ts.SymbolFlags.Type)
    .map(symbol => symbol.name);
}
