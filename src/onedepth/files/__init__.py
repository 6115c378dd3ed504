"""Reading and writing photos, cameras, depth maps, point clouds, meshes and pictures; never imports torch."""
