// Descriptions of fields for FieldForm, from what the server tells about itself.
import { get } from '../api.js';
import { durationWritten } from './format.js';

// What the field shows for a value of the server.
export function inputOf(field, value) {
  if (value === null || value === undefined) return field.type === 'boolean' ? false : '';
  if (field.type === 'duration') return typeof value === 'number' ? durationWritten(value) : value;
  if (field.type === 'list') return Array.isArray(value) ? value.join('\n') : value;
  if (field.type === 'object') return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  return field.type === 'boolean' || field.type === 'time' ? value : String(value);
}

// What the server gets for it; undefined: it is left out. Throws a SyntaxError for an object that is no JSON.
export function outputOf(field, input) {
  if (field.type === 'boolean') return input;
  const text = String(input ?? '');
  if (text === '' && (field.type === 'secret' || field.type === 'integer' || field.type === 'duration' || field.type === 'size' || field.optional)) return undefined;
  if (field.type === 'integer' || (field.type === 'size' && /^\d+$/.test(text.trim()))) return /^-?\d+$/.test(text.trim()) ? Number(text) : text;
  if (field.type === 'list') return text.split('\n').map((line) => line.trim()).filter(Boolean);
  if (field.type === 'object') return JSON.parse(text);
  return field.type === 'string' ? text : text.trim();
}

export const choicesOf = (field) => (Array.isArray(field.choices) ? field.choices : String(field.choices ?? '').split('|').filter(Boolean))
  .map((choice) => (typeof choice === 'object' ? choice : { value: choice, label: choice }));

function typeInSchema(schema) {
  if (schema.enum) return 'choice';
  if (schema.writeOnly) return 'secret';
  if (schema.anyOf) return schema.anyOf.some(({ pattern }) => pattern?.includes('ms|')) ? 'duration' : 'size';
  if (schema.format === 'date-time') return 'time';
  return { integer: 'integer', boolean: 'boolean', array: 'list', object: 'object' }[schema.type] ?? 'string';
}

export function fieldsFromSchema(schema) {
  return Object.entries(schema.properties ?? {}).map(([name, one]) => {
    const number = one.anyOf?.find(({ type }) => type === 'integer') ?? one;
    return {
      name,
      type: typeInSchema(one),
      help: one.description,
      min: number.minimum ?? one.minLength,
      max: number.maximum ?? one.maxLength,
      default: one.default,
      choices: one.enum,
      required: schema.required?.includes(name) ?? false,
      optional: !schema.required?.includes(name),
    };
  });
}

let description;

// The OpenAPI document, asked for once.
export async function openapi() {
  description ??= get('/api/openapi.json').catch((error) => {
    description = undefined;
    throw error;
  });
  return description;
}

// The fields of a route's body: routeFields('post', '/api/keys').
export async function routeFields(method, path) {
  const route = (await openapi()).paths[path]?.[method];
  return fieldsFromSchema(route?.requestBody?.content['application/json'].schema ?? {});
}
