/**
 * Trace and log settings. Neither can be changed while this server runs: a well-formed change
 * is answered as not implemented; a malformed one gets its error first.
 */

import { type InferenceError, invalidArgument, unimplemented } from '../../../errors.ts';
import { shownText } from '../../../shown-text.ts';
import { wrongKind } from '../json/errors.ts';
import { booleanMember, type JsonObject, readJsonObject, stringMember, unsignedMember } from '../json/value.ts';

const noTrace = (): InferenceError => unimplemented('the server does not support tracing');
const noLogSettings = (): InferenceError =>
  unimplemented(
    'the server does not support log settings over the network; start it with --log-verbose, --log-info, --log-warning or --log-error instead',
  );

/** The error for reading (`body` null) or changing trace settings. */
export function traceRefusal(body: Buffer | null): InferenceError {
  if (body === null) return noTrace();
  const settings = withoutNulls(readJsonObject(body));
  if (settings.has('trace_file')) {
    return unimplemented('trace file location can not be updated through network protocol');
  }
  return traceLevelRefusal(settings) ?? traceNumberRefusal(settings) ?? noTrace();
}

const traceLevels: ReadonlySet<unknown> = new Set(['OFF', 'TIMESTAMPS', 'TENSORS']);

function traceLevelRefusal(settings: JsonObject): InferenceError | null {
  const levels = settings.get('trace_level');
  if (levels === undefined) return null;
  if (!Array.isArray(levels)) return wrongKind('trace_level', 'array');
  const unknown = levels.find((level) => !traceLevels.has(level));
  if (unknown !== undefined)
    return invalidArgument("Unable to parse 'trace_level': expected OFF, TIMESTAMPS or TENSORS");
  if (levels.includes('OFF') && levels.length > 1) {
    return invalidArgument("Expect only one trace level 'OFF' is specified");
  }
  return null;
}

const integer = /^[+-]?\d+$/;
const uint32Max = 2 ** 32 - 1;

function traceNumberRefusal(settings: JsonObject): InferenceError | null {
  for (const key of ['trace_rate', 'trace_count', 'log_frequency']) {
    const text = stringMember(settings, key);
    if (text === undefined) continue;
    if (!integer.test(text)) return invalidArgument(`Unable to parse '${key}', got: ${shownText(text)}`);
    const value = Number(text);
    if (key === 'trace_count' && value < -1) {
      return invalidArgument(`Unable to parse 'trace_count'. Expecting value >= -1, got:${shownText(text)}`);
    }
    if (value > uint32Max || (key !== 'trace_count' && value < 0)) {
      return invalidArgument(
        `Unable to parse '${key}', value is out of range [ 0, ${uint32Max} ], got: ${shownText(text)}`,
      );
    }
  }
  return null;
}

/** The error for reading (`body` null) or changing log settings. */
export function logRefusal(body: Buffer | null): InferenceError {
  if (body === null) return noLogSettings();
  const settings = withoutNulls(readJsonObject(body));
  if (settings.has('log_file')) {
    return unimplemented('log file location can not be updated through network protocol');
  }
  for (const key of ['log_info', 'log_warning', 'log_error']) booleanMember(settings, key);
  unsignedMember(settings, 'log_verbose_level');
  const format = stringMember(settings, 'log_format');
  if (format !== undefined && format !== 'default' && format !== 'ISO8601') {
    return invalidArgument(`invalid argument for --log_format, got: ${shownText(format)}`);
  }
  return noLogSettings();
}

/** Null leaves a setting as it is, or clears it, so it needs no check. */
const withoutNulls = (object: JsonObject): JsonObject => new Map([...object].filter(([, value]) => value !== null));
