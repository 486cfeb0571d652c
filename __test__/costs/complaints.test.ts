/** What cannot be is refused, with the name of the field. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { CostCalculator, TokenBudgetError } from '@wundr.io/token-budget/budget';
import { record } from './helpers';

function refusal(call: () => unknown): [string, string | undefined] {
  try {
    call();
  } catch (error) {
    if (error instanceof TokenBudgetError) {
      expect(error.message).toContain(error.field);
      return [error.code, error.field];
    }
    throw error;
  }
  throw new Error('it was not refused');
}

const PRICING = {
  modelId: 'a',
  provider: 'custom',
  inputTokenCost: 1,
  outputTokenCost: 1,
  currency: 'USD',
  effectiveDate: new Date(),
};

test.each<[string, unknown, string]>([
  ['a text', 'prices', 'options'],
  ['an unknown option', { price: [] }, 'options.price'],
  ['a policy', { unknownModel: 'ignore' }, 'options.unknownModel'],
  ['a currency without a rate', { currency: 'JPY' }, 'options.currency'],
  ['a rate of nothing', { currencyRates: { EUR: 0 } }, 'options.currencyRates.EUR'],
  ['a rate that is none', { currencyRates: { EUR: 'much' } }, 'options.currencyRates.EUR'],
  ['a rate of the dollar', { currencyRates: { USD: 2 } }, 'options.currencyRates.USD'],
  ['prices that are no list', { prices: {} }, 'options.prices'],
  ['a negative price', [{ ...PRICING, inputTokenCost: -1 }], 'customPricing[0].inputTokenCost'],
  ['a price that is none', [{ ...PRICING, outputTokenCost: NaN }], 'customPricing[0].outputTokenCost'],
  ['a missing price', [{ ...PRICING, outputTokenCost: undefined }], 'customPricing[0].outputTokenCost'],
  ['a price too small', [{ ...PRICING, inputTokenCost: 1e-9 }], 'customPricing[0].inputTokenCost'],
  ['a price too large', [{ ...PRICING, inputTokenCost: 1e10 }], 'customPricing[0].inputTokenCost'],
  ['a price without a model', [{ ...PRICING, modelId: '' }], 'customPricing[0].modelId'],
  ['an unknown currency', [{ ...PRICING, currency: 'XXX' }], 'customPricing[0].currency'],
  ['a day that is none', [{ ...PRICING, effectiveDate: new Date(NaN) }], 'customPricing[0].effectiveDate'],
  ['a share of a batch', [{ ...PRICING, batchPercent: 101 }], 'customPricing[0].batchPercent'],
  [
    'tiers out of order',
    [{ ...PRICING, longContext: [{ aboveInputTokens: 5 }, { aboveInputTokens: 5 }] }],
    'customPricing[0].longContext[1].aboveInputTokens',
  ],
  [
    'a tier of what has no price',
    [{ ...PRICING, longContext: [{ aboveInputTokens: 5, cacheReadTokenCost: 1 }] }],
    'customPricing[0].cacheReadTokenCost',
  ],
  ['a history in two currencies', { prices: [PRICING, { ...PRICING, currency: 'EUR' }] }, 'options.prices'],
])('the constructor refuses %s', (_what, options, field) => {
  expect(refusal(() => new CostCalculator(options as object))).toEqual(['INVALID_CONFIG', field]);
});

const calculator = new CostCalculator();
const usage = { modelId: 'gpt-4', inputTokens: 10, outputTokens: 10 };

test.each<[string, () => unknown, string]>([
  ['usage that is none', () => calculator.costOf(null as never), 'usage'],
  ['negative tokens', () => calculator.costOf({ ...usage, inputTokens: -1 }), 'usage.inputTokens'],
  ['parts of tokens', () => calculator.costOf({ ...usage, outputTokens: 0.5 }), 'usage.outputTokens'],
  [
    'more cached than all',
    () => calculator.costOf({ ...usage, cacheReadTokens: 11 }),
    'usage.cacheReadTokens',
  ],
  [
    'more read and written than all',
    () => calculator.costOf({ ...usage, cacheReadTokens: 6, cacheWriteTokens: 5 }),
    'usage.cacheWriteTokens',
  ],
  [
    'more reasoning than all',
    () => calculator.costOf({ ...usage, reasoningTokens: 11 }),
    'usage.reasoningTokens',
  ],
  ['a batch that is none', () => calculator.costOf({ ...usage, batch: 1 as never }), 'usage.batch'],
  ['a model that is none', () => calculator.costOf({ ...usage, modelId: 1 as never }), 'usage.modelId'],
  ['a day that is none', () => calculator.costOf({ ...usage, timestamp: 'now' as never }), 'usage.timestamp'],
  [
    'a record that is none',
    () => calculator.calculateCostEstimate([record({ modelId: 'gpt-4' }), null as never]),
    'records[1]',
  ],
  ['records that are no list', () => calculator.calculateCostEstimate('none' as never), 'records'],
  [
    'a target without a rate',
    () => calculator.calculateRecordCost(record({ modelId: 'gpt-4' }), 'JPY'),
    'targetCurrency',
  ],
  [
    'a period of no projection',
    () => calculator.calculateCostEstimate([], 'USD', true, 'hourly' as never),
    'projectionPeriod',
  ],
  ['an amount that is none', () => calculator.convertCurrency(NaN, 'USD', 'EUR'), 'amount'],
  ['a source currency', () => calculator.convertCurrency(1, 'JPY', 'EUR'), 'fromCurrency'],
  ['a kind of tokens', () => calculator.getCostPer1KTokens('gpt-4', 'both' as never), 'type'],
  ['a currency in small letters', () => calculator.setCurrencyRate('eur', 1), 'currency'],
  ['a rate', () => calculator.setCurrencyRate('EUR', -1), 'unitsPerDollar'],
  [
    'a price later on',
    () => calculator.addCustomPricing({ ...PRICING, inputTokenCost: '1' } as never),
    'pricing.inputTokenCost',
  ],
  ['tokens of a call', () => calculator.estimateCost('gpt-4', -1, 1), 'inputTokens'],
  [
    'a source in a currency without a rate',
    () => calculator.priceSource({ currency: 'JPY' as never }),
    'options.currency',
  ],
  ['an option of a source', () => calculator.priceSource({ foo: 1 } as never), 'options.foo'],
  ['an option of a cost', () => calculator.costOf(usage, { foo: 1 } as never), 'options.foo'],
  [
    'published by a word',
    () => calculator.costOf(usage, { asPublished: 'yes' as never }),
    'options.asPublished',
  ],
])('%s is refused', (_what, call, field) => {
  expect(refusal(call)).toEqual(['INVALID_ARGUMENT', field]);
});

test('what a polluted prototype says is not read', () => {
  const polluted = Object.create({ cacheReadTokens: 5, batch: true }) as object;
  const cost = calculator.costOf(Object.assign(polluted, usage));
  expect(cost).toEqual(calculator.costOf(usage));
});

test('prices are not read before one is asked for', () => {
  const script = `
    const fs = require('node:fs');
    const { readFileSync } = fs;
    const read = [];
    fs.readFileSync = (...args) => { read.push(String(args[0])); return readFileSync(...args); };
    const { CostCalculator } = require(${JSON.stringify(join(__dirname, '../../dist/index.js'))});
    const calculator = new CostCalculator([]);
    const count = () => read.filter(path => path.endsWith('prices.json')).length;
    const before = count();
    calculator.estimateCost('gpt-4', 1, 1);
    new CostCalculator().estimateCost('gpt-4', 1, 1);
    process.stdout.write(before + ' ' + count());`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  expect([stdout, stderr]).toEqual(['0 1', '']);
});
