/** A receiver that brings nothing although there is something can block the server's checkpoints. */
import type { ShipperParts } from './shipper-parts.ts'

/** What a commit record may end short of the position that the server reports after it. */
const slackBytes = 64n
const defaultSilentSeconds = 20

/** Another receiver starts in its place. */
export async function killSilentReceiver({ deps, instance, place, watch, receiving, progress }: ShipperParts): Promise<void> {
  const { receiver } = receiving
  const seen = watch.observation
  if (receiver === null || seen === null) return
  const silentMs = (instance.silentSeconds ?? defaultSilentSeconds) * 1000
  const since = Math.max(progress.atMs, receiver.startedAtMs)
  if (seen.currentLsn <= progress.lsn + slackBytes || Date.now() - since < silentMs) return
  deps.log({
    event: 'silent-receiver-killed',
    ...place,
    pid: receiver.pid,
    silentSeconds: Math.round((Date.now() - since) / 1000),
  })
  await receiving.restart('kill')
}
