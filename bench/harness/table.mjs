const OTHERS_SHARE_NOISY = 0.05;

/** One figure as text: what was measured, the ratios, and how quiet the machine was. */
export function formatFigure(figure) {
  const lines = [`\n## ${figure.title} (${figure.seconds} s)`, ''];
  if (figure.error) lines.push(`FAILED: ${figure.error}`, '');
  if (figure.measured.length > 0) {
    const rows = figure.measured.map(row => [row.name, row.of, number(row.median), row.unit, spread(row)]);
    lines.push(...table(['', 'of', 'median', '', 'min … max'], rows, [2]), '');
  }
  if (figure.ratios.length > 0) {
    const rows = figure.ratios.map(row => [
      row.label,
      number(row.median),
      spread(row),
      reach(row),
      row.verdict,
    ]);
    lines.push(...table(['ratio', 'median', 'min … max', 'reach', ''], rows, [1]), '');
  }
  lines.push(...operations(figure.measured), ...figure.notes.map(note => `- ${note}`));
  if (figure.othersShareOfCpu !== null) {
    const share = figure.othersShareOfCpu;
    const warning = share > OTHERS_SHARE_NOISY ? ' NOISY: measure again on a quiet machine.' : '';
    lines.push(`- Other processes used ${(share * 100).toFixed(1)} % of the machine meanwhile.${warning}`);
  }
  return lines.join('\n');
}

/** What one operation was on each side, once per contestant. */
function operations(measured) {
  const texts = measured.map(
    row => `- ${row.name}: ${row.operation}; ${row.operationsPerTurn.toLocaleString('en-US')} a turn`,
  );
  return [...new Set(texts)];
}

function table(head, rows, rightAligned) {
  const widths = head.map((title, column) =>
    Math.max(...[title, ...rows.map(row => row[column])].map(cell => cell.length)),
  );
  const line = row =>
    row
      .map((cell, column) =>
        rightAligned.includes(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
      )
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)];
}

function spread({ min, max }) {
  return min === max ? '' : `${number(min)} … ${number(max)}`;
}

function reach(row) {
  if (row.reach === null) return '';
  return row.reach.atMost === undefined ? `≥ ${row.reach.atLeast}` : `≤ ${row.reach.atMost}`;
}

function number(value) {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 3);
}
