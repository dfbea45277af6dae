/** Trace and log settings, which can be neither read nor changed while this server runs. */

import { unimplemented } from '../../../errors.ts';
import type { MethodTable } from '../method-table.ts';
import { controlMethod } from './control-method.ts';

export const traceTable: MethodTable = {
  api: 'trace',
  methods: ({ protocol }) => [
    controlMethod(protocol, 'TraceSetting', () => {
      throw unimplemented('trace settings are not supported by this server: it does not trace requests');
    }),
  ],
};

export const loggingTable: MethodTable = {
  api: 'logging',
  methods: ({ protocol }) => [
    controlMethod(protocol, 'LogSettings', () => {
      throw unimplemented('log settings can not be read or changed over the network: use the flags of the server');
    }),
  ],
};
