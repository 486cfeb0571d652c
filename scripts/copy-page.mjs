// Copies the dashboard's page into dist/, and uPlot (MIT), which it draws with, beside it.
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/entries.mjs';

const page = join(root, 'dist/serve/page');
mkdirSync(page, { recursive: true });
cpSync(join(root, 'facade/serve/page'), page, { recursive: true });

const uplot = join(root, 'node_modules/uplot');
cpSync(join(uplot, 'dist/uPlot.iife.min.js'), join(page, 'uPlot.iife.min.js'));
cpSync(join(uplot, 'dist/uPlot.min.css'), join(page, 'uPlot.min.css'));
cpSync(join(uplot, 'LICENSE'), join(page, 'uPlot-LICENSE.txt'));
