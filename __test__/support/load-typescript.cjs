'use strict';

const { readFileSync } = require('node:fs');
const { resolve } = require('node:path');
const ts = require('typescript');

/** Loads a TypeScript file of `__test__` outside Jest, e.g. in a worker process. Types are only removed. */
exports.loadTypeScript = path => {
  require.extensions['.ts'] ??= (module, file) => {
    const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
      fileName: file,
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2022,
        esModuleInterop: true,
      },
    });
    module._compile(outputText, file);
  };
  return require(resolve(__dirname, '..', path));
};
