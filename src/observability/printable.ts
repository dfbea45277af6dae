/** Makes text from outside – a model file, a request – safe to show in a terminal or a log. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are matched on purpose
const controlCharacters = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** On one line, with terminal escapes and other control characters written out. */
export const printable = (text: string): string =>
  text.replace(controlCharacters, (character) => {
    const code = character.charCodeAt(0);
    return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, '0')}`;
  });
