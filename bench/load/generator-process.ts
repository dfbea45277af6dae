/** The load generator's process: takes plans from its parent, one at a time, and sends back the result of each. */

import type { LoadPlan } from './load-plan.ts';
import { runLoad } from './run-load.ts';

process.on('message', (plan: LoadPlan) => {
  runLoad(plan).then(
    (result) => process.send?.({ result, failure: null }),
    (error: unknown) => process.send?.({ result: null, failure: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
