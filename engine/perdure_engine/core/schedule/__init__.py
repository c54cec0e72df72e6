"""The rules of schedules: when an action is due (`calendar`, `cron`, `times`), what is done about the one that still
runs (`overlap`), and how a schedule goes on (`progress`, `steps`, `changes`). Pure, as all of the core."""
