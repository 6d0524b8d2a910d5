package import Modules

/// Double entry: every transaction's entries sum to zero, and what was written is never changed.
package struct LedgerModule: Module {
    package init() {}
}
