import Foundation

/// The standard streams of a command, which may be a terminal.
enum Terminal {
    static let hasInput = isatty(STDIN_FILENO) == 1
    static let hasOutput = isatty(STDOUT_FILENO) == 1
    static let hasErrors = isatty(STDERR_FILENO) == 1
    /// https://no-color.org
    static let hasColours = hasOutput && ProcessInfo.processInfo.environment["NO_COLOR"].map(\.isEmpty) != false

    /// Writes a line to standard output.
    static func print(_ text: String = "") { write(text + "\n", to: .standardOutput) }

    /// Writes a line to standard error.
    static func printError(_ text: String) { write(text + "\n", to: .standardError) }

    /// Replaces the line that was drawn last; nil removes it.
    /// - Returns: false where standard output is no terminal and nothing was written.
    @discardableResult
    static func redraw(_ line: String?) -> Bool {
        guard hasOutput else { return false }
        // Without automatic wrapping a long line is cut at the window's edge, because only one line can be replaced.
        write("\r\u{1B}[2K\u{1B}[?7l\(line ?? "")\u{1B}[?7h", to: .standardOutput)
        return true
    }

    static func error(_ message: String) { printError("gatehouse: " + message) }

    /// Unbuffered, so that lines appear at once through a pipe too.
    private static func write(_ text: String, to handle: FileHandle) {
        // A closed pipe is no error: its reader has read enough.
        try? handle.write(contentsOf: Data(text.utf8))
    }

    /// Reads a line without echo.
    /// - Throws: ``Failure`` on Ctrl-C and at the end of input.
    static func askSecret(_ prompt: String) throws -> String {
        write(prompt, to: .standardError)
        var before = termios()
        tcgetattr(STDIN_FILENO, &before)
        var silent = before
        // Without ISIG, Ctrl-C is read as a character: a signal would end the program with echo switched off.
        silent.c_lflag &= ~tcflag_t(ECHO | ISIG)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            printError("")
        }
        guard let line = readLine(), !line.contains("\u{3}") else {
            throw Failure("Nothing was entered, and nothing was changed.")
        }
        return line
    }
}

/// Layout of text in columns.
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

    /// Lines with aligned columns; the last column is not padded.
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
