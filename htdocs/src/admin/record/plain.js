// What people wrote, as text that cannot mislead who reads it.

// Signs that turn the direction of what follows are shown as what they are.
const turning = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
export const visible = (text) => text.replace(turning, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);

function indented(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === 'object' ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}

// A revealed part: JSON is indented where it is whole.
export const plainText = (part) => visible(part.base64 || part.cut ? part.text : indented(part.text));
