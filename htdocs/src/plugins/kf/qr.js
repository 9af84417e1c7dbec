// A QR code as a drawing, dark on light: cameras want it so.
import { encode } from 'uqr';

export function qrPath(text) {
  const { data, size } = encode(text, { ecc: 'M', border: 3 });
  return { size, path: data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('') };
}

// As a file, large enough to print.
export function qrSvg(text) {
  const { size, path } = qrPath(text);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size * 20}" height="${size * 20}" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">` +
    `<rect width="100%" height="100%" fill="#fff"/><path d="${path}" fill="#000"/></svg>\n`;
}
