import CLapack

/// Least squares over any number of rows in the memory of one block: QR decompositions reduce each block to a triangle
/// of the columns' size.
///
/// Orthogonal transformations keep the singular values, so the minimum-norm solution of the triangle is that of all
/// rows.
final class LeastSquares {
    private let columns: Int
    private let targets: Int
    private let blockRows: Int
    /// Column-major with `columns + blockRows` rows: the present triangle on top, new rows below.
    private let matrix: UnsafeMutablePointer<Double>
    private let right: UnsafeMutablePointer<Double>
    private let tau: UnsafeMutablePointer<Double>
    private var filled = 0
    private var rows = 0

    private var height: Int { columns + blockRows }

    init(columns: Int, targets: Int) {
        Blas.useOneThread()
        self.columns = columns
        self.targets = targets
        blockRows = max(4096, 4 * columns)
        let height = columns + blockRows
        matrix = .allocate(capacity: height * columns)
        matrix.initialize(repeating: 0, count: height * columns)
        right = .allocate(capacity: height * targets)
        right.initialize(repeating: 0, count: height * targets)
        tau = .allocate(capacity: columns)
    }

    deinit {
        matrix.deallocate()
        right.deallocate()
        tau.deallocate()
    }

    /// Adds a row of values with their targets; the last column of the row is the 1 of the intercept.
    func add(_ values: UnsafePointer<Double>, targets results: UnsafePointer<Double>) throws(ModelFault) {
        let row = columns + filled
        var column = 0
        while column < columns - 1 {
            matrix[column &* height &+ row] = values[column]
            column &+= 1
        }
        matrix[column &* height &+ row] = 1
        var target = 0
        while target < targets {
            right[target &* height &+ row] = results[target]
            target &+= 1
        }
        filled += 1
        rows += 1
        if filled == blockRows { try fold() }
    }

    /// The coefficients, row-major `columns` × `targets`, equal to those of NumPy's `lstsq(a, b, rcond=None)`.
    func solve() throws(ModelFault) -> [Double] {
        try fold()
        var triangle = [Double](repeating: 0, count: columns * columns)
        var solution = [Double](repeating: 0, count: columns * targets)
        for column in 0..<columns {
            for row in 0...column { triangle[column * columns + row] = matrix[column * height + row] }
        }
        for target in 0..<targets {
            for row in 0..<columns { solution[target * columns + row] = right[target * height + row] }
        }
        var singular = [Double](repeating: 0, count: columns)
        var rank: Int32 = 0
        let size = Int32(columns)
        let cutoff = Double.ulpOfOne * Double(max(rows, columns))
        let status = LAPACKE_dgelsd(
            LAPACK_COL_MAJOR, size, size, Int32(targets), &triangle, size, &solution, size, &singular, cutoff, &rank)
        guard status == 0, solution.allSatisfy(\.isFinite) else { throw Self.failed }
        return (0..<columns * targets).map { solution[$0 % targets * columns + $0 / targets] }
    }

    /// Reduces the triangle and the rows below to a new triangle.
    private func fold() throws(ModelFault) {
        guard filled > 0 else { return }
        let used = Int32(columns + filled)
        let stride = Int32(height)
        let width = Int32(columns)
        guard LAPACKE_dgeqrf(LAPACK_COL_MAJOR, used, width, matrix, stride, tau) == 0,
            LAPACKE_dormqr(
                LAPACK_COL_MAJOR, Self.left, Self.transposed, used, Int32(targets), width, matrix, stride, tau, right,
                stride) == 0
        else { throw Self.failed }
        // LAPACK stores reflectors below the diagonal, which are not part of the triangle.
        for column in 0..<columns {
            (matrix + column * height + column + 1).update(repeating: 0, count: height - column - 1)
        }
        filled = 0
    }

    private static let left = CChar(UInt8(ascii: "L"))
    private static let transposed = CChar(UInt8(ascii: "T"))
    private static let failed = ModelFault(
        .diverged, "The linear system cannot be solved: the datasets hold numbers that are too large. Turn scaling on.")
}
