/** What `start` gives; where it throws, the stream that it was to read is closed. */
export function orDestroy<T>(stream: { destroy(): unknown }, start: () => T): T {
  try {
    return start()
  } catch (error) {
    stream.destroy()
    throw error
  }
}
