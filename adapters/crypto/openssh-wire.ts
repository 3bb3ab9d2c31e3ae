/** The encoding of OpenSSH (RFC 4251): big-endian numbers of 32 bits, and strings after their length. */
export function wireString(value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value as string)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

export function wireNumber(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Reads what the functions above write. Every method throws RangeError past the end. */
export class WireReader {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  take(length: number): Buffer {
    if (length > this.bytes.length - this.at) throw new RangeError('the structure is cut off')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  number(): number {
    return this.take(4).readUInt32BE()
  }

  string(): Buffer {
    return this.take(this.number())
  }

  text(): string {
    return this.string().toString('utf8')
  }

  rest(): Buffer {
    return this.take(this.bytes.length - this.at)
  }

  /** Nothing may follow what was read. */
  end(): void {
    if (this.at !== this.bytes.length) throw new RangeError('bytes follow the structure')
  }
}
