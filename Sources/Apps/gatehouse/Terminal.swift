import Foundation

/// The person at the other end of a command, if there is one.
enum Terminal {
    static let hasInput = isatty(STDIN_FILENO) == 1
    static let hasOutput = isatty(STDOUT_FILENO) == 1
    static let hasErrors = isatty(STDERR_FILENO) == 1
    /// https://no-color.org
    static let hasColours = hasOutput && ProcessInfo.processInfo.environment["NO_COLOR"].map(\.isEmpty) != false

    /// A line for the person or the program that reads the result.
    static func say(_ text: String = "") { write(text + "\n", to: .standardOutput) }

    /// A line beside the result.
    static func note(_ text: String) { write(text + "\n", to: .standardError) }

    /// Draws a line over the one that was drawn last; nil wipes it away.
    /// - Returns: whether lines can be drawn over at all.
    @discardableResult
    static func redraw(_ line: String?) -> Bool {
        guard hasOutput else { return false }
        // Longer than the window, it is cut instead of wrapped: only one line can be drawn over.
        write("\r\u{1B}[2K\u{1B}[?7l\(line ?? "")\u{1B}[?7h", to: .standardOutput)
        return true
    }

    static func complain(_ sentence: String) { note("gatehouse: " + sentence) }

    /// Not buffered: each line is to be seen when it happens, also through a pipe.
    private static func write(_ text: String, to handle: FileHandle) {
        // Whoever closed the other end does not want to read on.
        try? handle.write(contentsOf: Data(text.utf8))
    }

    /// Asks for a line that is not shown while it is typed.
    /// - Throws: ``Failure`` when the person gives up.
    static func askSecret(_ prompt: String) throws -> String {
        write(prompt, to: .standardError)
        var before = termios()
        tcgetattr(STDIN_FILENO, &before)
        var silent = before
        // Signals are off too: a program that is stopped here would leave the terminal silent. Ctrl-C comes as a character instead.
        silent.c_lflag &= ~tcflag_t(ECHO | ISIG)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            note("")
        }
        guard let line = readLine(), !line.contains("\u{3}") else {
            throw Failure("Nothing was entered, and nothing was done.")
        }
        return line
    }
}

/// How text is laid out.
enum Text {
    static func padded(_ text: String, to width: Int) -> String { text + spaces(width - text.count) }

    static func rightAligned(_ text: String, to width: Int) -> String { spaces(width - text.count) + text }

    /// Lines of at most `width` characters, broken between words.
    static func wrapped(_ text: String, to width: Int) -> [String] {
        text.split(separator: " ").reduce(into: []) { lines, word in
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
    }

    /// Lines whose columns stand below one another; the last column is as long as it is.
    static func table(_ rows: [[String]], indent: String = "", gap: Int = 2) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            indent + row.enumerated().map { $0 == row.count - 1 ? $1 : padded($1, to: widths[$0] + gap) }.joined()
        }
    }

    private static func spaces(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }
}
