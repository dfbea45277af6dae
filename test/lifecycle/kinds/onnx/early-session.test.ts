import { describe, expect, it } from 'vitest';
import type { SessionSpec } from '../../../../src/engine/engine.ts';
import { EarlySession } from '../../../../src/lifecycle/kinds/onnx/early-session.ts';
import type { ModelSignature } from '../../../../src/model-config/signature.ts';
import { FakeEngine } from '../../../fakes/fake-engine.ts';

const file = { path: '/models/m/1/model.onnx', folder: '/models/m/1' };
const spec = (entry: string): SessionSpec =>
  ({
    label: 'm:1',
    file,
    device: { kind: 'cpu' },
    sessionEntries: new Map([['key', entry]]),
  }) as unknown as SessionSpec;

async function opened() {
  const engine = new FakeEngine();
  engine.models.set('model.onnx', { signature: { inputs: [] } as unknown as ModelSignature });
  const early = await EarlySession.open(engine, spec('a'), new AbortController().signal);
  return { early, session: engine.sessions[0] };
}

describe('a session that was opened early', () => {
  it('is taken once, by the one who asks for the same', async () => {
    const { early, session } = await opened();
    expect(early.signature).toBe(session?.signature);
    expect(early.take(spec('a'))).toBe(session);
    expect(early.take(spec('a'))).toBeNull();
    await early.close();
    expect(session?.isClosed).toBe(false);
  });

  it('is closed if only others are asked for', async () => {
    const { early, session } = await opened();
    expect(early.take(spec('b'))).toBeNull();
    await early.close();
    expect(session?.isClosed).toBe(true);
    expect(early.take(spec('a'))).toBeNull();
  });
});
