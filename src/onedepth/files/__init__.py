"""Reading and writing: photos, cameras, depth maps, point clouds, meshes and pictures; torch never comes in here."""
