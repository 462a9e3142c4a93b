// Reads the colours of a line of a log.
// See ECMA-48, SGR.

export type Piece = { text: string; class: string }

// Other sequences than colours are left out: those that move the cursor, and those of
// operating systems, which end with BEL or ST.
const sequence = /\x1b\[([0-9;:]*)m|\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g

export function pieces(line: string): Piece[] {
  // What a carriage return has been written over is not seen.
  const begin = line.lastIndexOf('\r') + 1
  const text = begin < line.length ? line.slice(begin) : line.replaceAll('\r', '')
  const found: Piece[] = []
  let colour = ''
  let bold = false
  let dim = false
  let at = 0
  const add = (to: number) => {
    if (to > at) found.push({ text: text.slice(at, to), class: [colour, bold && 'bold', dim && 'dim'].filter(Boolean).join(' ') })
  }
  for (const match of text.matchAll(sequence)) {
    add(match.index)
    at = match.index + match[0].length
    if (match[1] === undefined) continue
    const codes = match[1].split(/[;:]/).map(Number)
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i]!
      if (code === 0) [colour, bold, dim] = ['', false, false]
      else if (code === 1) bold = true
      else if (code === 2) dim = true
      else if (code === 22) [bold, dim] = [false, false]
      else if (code >= 30 && code <= 37) colour = 'a' + (code - 30)
      else if (code >= 90 && code <= 97) colour = 'a' + (code - 90)
      else if (code === 39) colour = ''
      else if (code === 38 || code === 48) i += codes[i + 1] === 5 ? 2 : 4 // one of 256 colours, or any
    }
  }
  add(text.length)
  return found
}

export const plain = (line: string) =>
  pieces(line)
    .map((p) => p.text)
    .join('')
