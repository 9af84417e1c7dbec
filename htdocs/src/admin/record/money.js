// Money as the server counts it: millionths of a currency.
export function moneyText(micros, currency, language) {
  if (micros === null || micros === undefined) return '–';
  const n = micros / 1_000_000;
  const digits = n !== 0 && Math.abs(n) < 1 ? 4 : 2;
  try {
    return new Intl.NumberFormat(language, { style: 'currency', currency, minimumFractionDigits: 2, maximumFractionDigits: digits }).format(n);
  } catch {
    return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(n)} ${currency}`;     // a currency nobody knows
  }
}
