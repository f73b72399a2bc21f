internal import Glibc
internal import System

/// What is known of the standard error stream: where progress and messages go.
struct Terminal: Sendable {
    let isTerminal: Bool
    let usesColor: Bool
    let usesUnicode: Bool

    init(color: ColorChoice) {
        isTerminal = isatty(2) == 1
        let dumb = environment("TERM").map { $0 == "dumb" } ?? true
        usesColor =
            switch color {
            case .always: true
            case .never: false
            case .auto: isTerminal && !dumb && environment("NO_COLOR").map(\.isEmpty) ?? true
            }
        let locale = environment("LC_ALL") ?? environment("LC_CTYPE") ?? environment("LANG") ?? ""
        usesUnicode = locale.uppercased().contains("UTF-8") || locale.uppercased().contains("UTF8")
    }

    /// Columns right now; 80 where the stream is no terminal.
    var columns: Int { windowSize(of: 2)?.columns ?? 80 }

    enum Style: String {
        case bold = "1"
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
        case cyan = "36"
    }

    func styled(_ text: String, _ style: Style) -> String {
        usesColor ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    var done: String { styled(usesUnicode ? "✓" : "*", .green) }
    var failed: String { styled(usesUnicode ? "✗" : "x", .red) }

    /// A bar of `width` cells, `share` (0 to 1) of it filled.
    func bar(_ share: Double, width: Int) -> String {
        let filled = min(width, max(0, Int((share * Double(width)).rounded())))
        let (on, off) = usesUnicode ? ("━", "─") : ("#", ".")
        return styled(String(repeating: on, count: filled), .cyan)
            + styled(String(repeating: off, count: width - filled), .dim)
    }
}

/// Columns of standard output where it is a terminal; nil for files and pipes, where nothing is cut.
func outputWidth() -> Int? { isatty(1) == 1 ? windowSize(of: 1).map { max(40, $0.columns) } : nil }

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// Writes text to standard error whole, so that lines of several threads don't mix.
func writeError(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
        var offset = 0
        while offset < bytes.count {
            let count = write(2, bytes.baseAddress! + offset, bytes.count - offset)
            if count < 0 && errno == EINTR { continue }
            // Nobody reads messages any more: the work itself goes on.
            if count <= 0 { return }
            offset += count
        }
    }
}
