extension Catalogue {
    /// The plans of an installation that brings no file of its own (`PLANS_FILE`). −1 means unlimited.
    package static let builtIn = """
        plans:
          - id: free
            name: Free
            start: anyone
            limits: { uploads: 5, processing: 5, training_runs: 0 }
            file_mb: 10
            storage_mb: 512
          - id: basic
            name: Basic
            limits: { uploads: 50, processing: 50, training_runs: 0 }
            file_mb: 100
            storage_mb: 5120
          - id: pro
            name: Pro
            features: [training]
            limits: { uploads: 200, processing: 200, training_runs: 5 }
            file_mb: 500
            storage_mb: 20480
          - id: enterprise
            name: Enterprise
            features: [training]
            limits: { uploads: 999, processing: 999, training_runs: -1 }
            file_mb: 2048
            storage_mb: 102400
        """
}
