/** Shows how far an install is: one line that changes in a terminal, else one line for each step. */

import type { InstallReport } from '../runtimes/install-runtime.ts';

interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** How often the changing line is written anew. */
const betweenMs = 200;
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
const eraseLine = '\r\u001b[K';

export function installReport(output: Output): InstallReport {
  let shownMs = 0;
  return {
    step: (text) => void output.write(output.isTTY ? `${eraseLine}${text}\n` : `${text}\n`),
    progress(file, done, total) {
      if (!output.isTTY || (done < total && Date.now() - shownMs < betweenMs)) return;
      shownMs = Date.now();
      const share = Math.floor((100 * done) / total);
      const name = file.slice(0, file.indexOf('-'));
      output.write(
        done < total ? `${eraseLine}  ${name} ${mebibytes(done)} of ${mebibytes(total)} MiB, ${share} %` : eraseLine,
      );
    },
  };
}
