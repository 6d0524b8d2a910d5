import GoalGraphs

/// Decides whether a condition holds for cells. What depends on the condition alone is computed once.
struct RowMatcher {
    private let comparison: RowCondition.Comparison
    private let number: TableNumber?
    private let text: TextBytes
    /// Without the case of its letters.
    private let folded: [UInt8]
    private let search: ByteSearch

    init(_ condition: RowCondition) {
        comparison = condition.comparison
        number = TableNumber(condition.value)
        text = TextBytes(condition.value)
        let value = condition.value.lowercased()
        folded = Array(value.utf8)
        search = ByteSearch(for: value)
    }

    func holds(for cell: String) -> Bool {
        switch comparison {
        case .isEmpty: return cell.isEmpty
        case .isNotEmpty: return !cell.isEmpty
        case .contains: return search.isFound(in: cell.lowercased())
        case .notContains: return !search.isFound(in: cell.lowercased())
        case .startsWith: return cell.lowercased().utf8.starts(with: folded)
        case .endsWith: return cell.lowercased().utf8.suffix(folded.count).elementsEqual(folded)
        case .equals, .notEquals, .greater, .atLeast, .less, .atMost: break
        }
        // An empty cell is neither less nor greater than a number.
        if let number {
            guard let first = TableNumber(cell) else { return comparison == .notEquals }
            return compare(first.value, number.value)
        }
        return compare(TextBytes(cell), text)
    }

    private func compare<Value: Comparable>(_ left: Value, _ right: Value) -> Bool {
        switch comparison {
        case .equals: left == right
        case .notEquals: left != right
        case .greater: left > right
        case .atLeast: left >= right
        case .less: left < right
        case .atMost: left <= right
        default: false
        }
    }
}
